"""English words that name a limit and so decline without "I can't": "that is outside my remit", "names are private"."""

_THING = (
    r"(?:something|anything|things?|topics?|subjects?|requests?|plans?|services?|features?|tasks?|areas?|questions?"
    r"|roles?|jobs?|part of (?:what|my|our)|the (?:kind|sort|type) of \w+)"
)
_US = r"(?:i|we|(?:this|our) (?:assistant|service|channel|team|bot|company|chat|model|system|tool))\b"
_RULES = r"(?:guidelines|rules|polic(?:y|ies)|programming|principles|code|standards|instructions|ethics)"
_AM = "(?:am|are|is|was|be)"

EXPERT = (
    r"(?:doctor|physician|pharmacist|prescriber|nurse|\w*ologist|clinic(?:ian)?|practice|team|lawyer|solicitor|vet|gp"
    r"|dentist|\w*iatrician|psychiatrist|specialist|midwife|professional|provider|surgeon|therapist|adviser|advisor"
    r"|expert"
    r"|department|counsel|medical information|human resources|hr|compliance|legal|quality|drug safety|helpdesk|support)"
)
"""Somebody else to ask."""

_SHARED = (
    r"(?:shared|given(?: out)?(?! (?:the|an?|any|enough|much)\b)|disclosed|passed (?:on|along)|provided|answered"
    r"|discussed|released|revealed|handed (?:out|over)"
    r"|made public|published|used (?:for|to) (?:that|this)|supplied)"
)

_SAY = (
    r"(?:tell|decide|answer|say|judge|assess|diagnose|advise|determine|recommend|confirm|prescribe|interpret|evaluate)"
)
_MEET = (
    r"(?:speak|talk|ask|see|contact|call|consult|check|turn|go|get in touch|reach out|refer|take (?:this|that|it) up)"
)

LIMITS = (
    rf"[^.;?!]{{0,120}}?\b(?:is|are|was) (?:just |simply |also )?not (?:an? |the |one of the )?(?:\w+ )?{_THING},? "
    rf"(?:\w+ )?(?:that |which |on which )?{_US}",
    rf"[^.;?!]{{1,120}}?\b(?:is|are) (?:an? )?(?:\w+ )?{_THING} (?:that |which |on which |where )?{_US} "
    rf"(?:(?:have|need) to|must|would (?:rather|prefer)|(?:can|do|will|am|are) not|avoid|refuse|decline|draw)\b",
    r"[^.;?!]{1,120}?\b(?:is|are|lies?|falls?|goes|sits?|stays?|be|remains?) (?:\w+ )?(?:outside|beyond"
    r"|out of) (?:of )?"
    r"(?:(?:the )?(?:scope|remit|limits|range|bounds)|what (?:i|we|this)|(?:my|our) (?!control|budget|price|means)"
    r"|bounds)",
    rf"[^.;?!]{{1,120}}?\b(?:goes|is|are|would be|runs?|be) (?:\w+ )?(?:against|in conflict with|contrary to) (?:my"
    rf"|our|the) "
    rf"(?:\w+ )?{_RULES}\b",
    rf"[^.;?!]{{1,120}}?\b(?:conflicts? with|breaks?|breach(?:es)?|violates?) (?:my|our) (?:\w+ ){{0,2}}{_RULES}\b",
    r"[^.;?!]{1,100}?\b(?:is|are) not (?:\w+ )?(?:available|accessible|visible|known) to (?:me|us)\b",
    r"(?:there is )?no way (?:that )?i\b|there is nothing (?:that )?i can (?:share|say|tell|give|do)\b",
    r"(?:request|access) (?:declined|denied|refused)\b|no (?:can do|chance)\b|not (?:a chance|going to happen"
    r"|happening)\b",
    r"even if (?:i|we) (?:could|did|had|knew|wanted|were)\b|i wish (?:that )?i could\b",
    rf"(?:i|we) (?:can|may|{_AM} (?:able|allowed|permitted) to) only (?:discuss|talk|share|speak|comment|answer"
    rf"|help with)\b",
    rf"(?:i|we) {_AM} only (?:able|allowed|permitted) to (?:discuss|talk|share|speak|comment|answer|help)\b",
    rf"(?:i|we) {_AM} (?:hesitant|reluctant|uncomfortable|against|opposed)\b",
    r"(?:i|we) (?:will |must |would |have to |need to |am going to |try to |should )*"
    r"(?:steer clear|stay (?:away|clear|neutral|out)|keep out|draw the line|refrain from|abstain|pass on (?:this"
    r"|that|it)"
    r"|leave (?:this|that|it) (?:to|with)|say no|stop (?:here|there))\b",
    r"(?:i|we) do not (?:do|make (?:up|predictions|claims|comparisons|recommendations)|handle|forecast|take sides"
    r"|say (?!this|that|so|it|much|a word))\b",
    r"(?:i|we) do not (?:currently |yet )?see (?:an?|any|the|your) (?:attach\w+|files?|documents?|images?|photos?"
    r"|links?)\b",
    r"(?:i|we) (?:(?:do not (?:currently |yet )?(?:possess|have)|have no|lack) )(?:an?y? |the |such "
    r"|your )?(?:[\w-]+ ){0,2}"
    r"(?:access|abilit\w+|capabilit\w+|way (?:of|to)|means (?:of|to)|authority|insight|visibility|permission|tools?"
    r"|authori[sz]ation|right to|licen[cs]e|clearance|memory|record|recollection)\b",
)
"""How a sentence declines by naming a limit, from its start."""

WITHHELD = rf"(?:can|will|may|must|should|could|is|are)(?: not| never)(?: be)? (?:\w+ )?{_SHARED}\b"
"""What a clause says of a thing that is not given out."""

RESTRICTED = (
    WITHHELD,
    r"(?:is|are|stays?|remains?) (?:\w+ly )?(?:confidential|protected|private(?! \w*(?:universit|school|compan"
    r"|sector|citizen))|privileged|restricted|classified(?! (?:as|by|in|into|under))|under copyright"
    r"|not shared|not public|with (?:the|us|our)|off[- ]limits|subject to (?:\w+ ){0,2}(?:confidential\w+|privacy))\b",
    r"never leaves?\b",
)
"""What else a short sentence says of it."""

EXPERTS = (
    rf"(?:should|must|can|may) only be \w+ (?:\w+ )?by (?:an?|your|the) (?:\w+ )?{EXPERT}\b",
    rf"(?:question|request|decision|diagnosis|dose|matter|this|that|it) (?:needs?|requires?|calls? for) (?:an? |the "
    rf"|your )?(?:\w+ )?{EXPERT}\b",
    r"(?:is|are) (?:best |better )?(?:left to|answered by|directed to)\b",
    rf"(?:has|have|needs?|must|ought) (?:to )?(?:go|be (?:directed|addressed"
    rf"|put)) (?:directly )?to [^.;]{{0,40}}\b{EXPERT}\b",
    r"(?:is|are|would be) the (?:right|best|only) (?:person|people|place|one|ones|contact|team)\b",
    r"(?:is|are) the only (?:\w+ ){{1,2}}(?:that|who) (?:can|may)\b",
    r"(?:needs?|has|have|ought) to be (?:made|answered|decided|assessed|discussed|taken|given"
    r"|reviewed) (?:\w+ )?(?:with|by)\b",
)
"""What a sentence says of a question that somebody else should answer."""

ONLY = rf"only (?:an?|the|your|our|his|her) [^,.;]{{1,50}}? (?:can|may|is able to|should) (?:\w+ )?{_SAY}\b"
"""Only somebody else can answer."""

SENDS = (
    rf"^(?!(?:i|you|we|they|he|she) )[^,.;:?!]{{1,80}}? (?:{'|'.join(EXPERTS)})",
    rf"^{ONLY}|^no(?:body| one) (?:but|except|other than) (?:an?|your|the) (?:\w+ )?{EXPERT}\b",
    rf"^(?:an?|your|his|her|their|the) (?:\w+ ){{0,2}}{EXPERT} (?:\w+ )?(?:could|can|would|should|will|is able to"
    rf"|needs to|has to) "
    r"(?:be able to |best )?(?:answer|tell|advise|help|assess|decide|hear|look|say|judge|explain|check|guide)\b",
    r"^(?:the )?(?:safest|best|right|only safe) (?:thing|option|choice|course|way)(?: here| now)? is (?:to"
    r"|for you to) (?:\w+ )?"
    r"(?:ask|call|contact|consult|check with|phone|see|speak|talk)\b",
    r"^you (?:would|will|may|might) be (?:better|best) (?:served|off|placed|advised) (?:by|with|to|asking|speaking"
    r"|talking)\b",
    r"^please (?:take|bring|put|address) (?:this|that|your|it|these)\b",
    r"^you (?:may|might|should|could) (?:\w+ )*?(?:bring (?:this|that|it) up|raise (?:this|that|it)) with\b",
    rf"^(?:\w+ )?(?:please|kindly) (?:also )?(?:{_MEET}|direct|raise|forward|seek|reach|bring|write to|use the|refer"
    rf"|phone)\b",
    rf"^(?:you (?:would|will|may|might|should|do|could)?\s*(?:also )?(?:need|have|want|do well|be better off"
    rf"|be best)?\s*(?:to )?"
    rf"|it (?:is|would be) (?:best|better|safest) (?:to |if you )|(?:i|we) (?:would |strongly |do )*"
    rf"(?:recommend|suggest|encourage|advise|urge|ask)(?: that)?(?: you)?(?: to)? ?){_MEET}(?:k|c|l|t)?(?:ing)?\b"
    rf".*\b(?:{EXPERT}|them|someone|somebody)\b",
    rf"^you (?:would|will) need (?:an?|the|your) (?:\w+ )?{EXPERT}\b",
)
"""Sentences that send the reader to somebody."""
