"""English words that decline in a short answer; in a long one they are a statement about something."""

_IT = "(?:that|this|it)"
_BODY = r"(?:assistant|service|chat(?:bot)?|channel|bot|tool|team|platform|role|purpose|scope|hotline|site|department)"
_RULE = r"(?:law|laws|rules?|polic(?:y|ies)|regulations?|terms|guidelines|regulators?|contracts?|code)"
_ALLOW = r"(?:let|lets|allow|allows|permit|permits)"
_WORK = (
    r"(?:able|allow|answer|advi[sc]e|authori\w+|comment|cover|deal|designed|discuss|give|handle|intended|make|meant"
    r"|offer"
    r"|permit|provide|recommend|share|support)"
)
_DOWN = (
    rf"(?:stop (?:here|there|at)|skip (?:this|that|it)|sit (?:this|that) one out|end (?:this|the) (?:chat|conversation)"
    rf"|leave (?:it|this|that) (?:here|there|at)|bow out|disappoint you|disagree with (?:this|that|the) request"
    rf"|turn (?:{_IT}|you|this request) down|withhold|keep (?:{_IT}|those|these) (?:private|confidential|to myself)"
    rf"|not\W*$)"
)
_UNFIT = (
    r"(?:ir)?responsible|(?:un)?safe|(?:un)?wise|(?:un)?fair|wrong|(?:dis)?honest|reckless|(?:in)?appropriate|right"
    r"|negligent"
    r"|careless|premature"
)

WITHDRAWN = (
    r"[^,.;:?!]{1,70}? (?:is|are|stays?|remains?|be) (?:\w+ly )?(?:handled in confidence|in confidence|anonymous here"
    r"|(?:his|her|their|your|its owner's) (?:own )?(?:business|affair|choice) ?(?:alone)?(?=\W*$)|(?:yours|theirs"
    r"|his|hers) alone"
    r"|a private (?:matter|affair)|(?:closed|invisible|hidden|off[- ]limits) (?:to|for|from) (?:me|us)"
    r"|not for (?:sharing|me|us)\b"
    r"|not (?:mine|ours) to|not (?:in|part of|on) (?:my|our)|not (?:my|our) (?:kind|sort|type|style|cup)|taboo"
    r"|off the menu"
    r"|between (?:you|him|her|them|us|the \w+) and \w+|for (?:an?|the|your) (?:police|courts?))",
    r"[^,.;:?!]{1,70}? (?:sits?|lies?|rests?|remains?) with (?:the|your|our|his|her|their|[a-z]+ ?[a-z]*\W*$)"
    r"|[^,.;:?!]{1,70}? "
    r"belongs? (?:in the hands of|to its|to their)\b",
    r"(?:nobody|no one|no (?:machine|model|assistant|chatbot|ai|computer)) (?:here )?(?:can|could|should|may)\b",
    r"there is (?:nothing|no [\w-]+) (?:here |there )?(?:to (?:give|praise|say|share|tell|offer|report|hand)"
    r"|for me to)\b",
    r"(?:[^.;?!]{0,80} )?(?:no|not|never)\b[^.;?!]{0,80} (?:from|with|through|by) (?:me|us|here)\W*$",
    r"(?:i|we) (?:want|will have|have|take) no part (?:in|of)\b|(?:i|we) have neither\b|nice try\b",
    r"(?:this|that)(?: one)? (?:ends|stops) here\b|(?:i|we) (?:was|were) not (?:there|present)\b|leave me out of\b",
)
"""How a sentence withdraws a thing from the reader, from its start: "Pay is between her and payroll"."""

SHORT = (
    *WITHDRAWN,
    rf"(?:{_IT}|[^,.;:?!]{{1,60}}?) (?:is|are|falls|fall|belongs|belong|goes|comes) "
    r"(?!because|how|when|where|why)(?:[\w-]+ ){1,5}?(?:that |which )?(?:i|we) "
    r"(?:(?:do|can|will|must|may|am|are) not(?! (?:need|have|know|want|always|only)\b)|never)\b",
    r"please (?:do not|stop)\W*$|neither of which (?:is|are) (?:possible|available)\b",
    r"(?:i|we|let us) (?:should |must |have to |need to |would rather |prefer to |will )*(?:stick|keep) (?:to|with"
    r"|within)\b",
    r"[^,.;:?!]{1,60}? (?:is|are) (?:not possible|impossible) (?:over|in|through|via|by|from) (?:this |a |the )?"
    r"(?:chat|here|phone|message|text|email|distance)",
    r"(?:i|we) (?:am|are|was|were|have|has|have been|had) not (?:been )?(?:\w+ly )?(?:built|made|trained|designed"
    r"|given|meant"
    r"|set up|licensed|cleared|programmed|configured|intended) (?:to|for|any|an?|the|access|as)\b",
    rf"(?:i|we) (?:(?:have to|must|need to|will|would|should|am going to|think i will) )+(?:\w+ly )?{_DOWN}",
    r"(?:i|we) (?:am|are) (?:\w+ly )?(?:steering|staying|withholding|turning|passing|leaving|drawing|keeping) "
    r"(?:away|out|clear|neutral|this|that|it|the line)\b|count me out\b",
    r"(?:i|we) (?:make it (?:a rule|a point)|try|tend|aim|choose) (?:not to|never to)\b",
    r"(?:nor|neither) (?:is|are|can|do|would|will) (?:it|that|this|i|we)\b",
    r"(?:i|we|this \w+) (?:am|are|is) (?:not the (?:right|best|proper)|(?:only )?(?:designed|made|built"
    r"|here) (?:only )?for [^,.]{1,40} only)\b",
    r"[^,.;:?!]{1,60}? (?:is|are) (?:none of my|not (?:mine|ours|my place|my business|my call))\b",
    rf"(?:[^,.;:]{{1,60}}? )?(?:crosses|cross|crossing|over) (?:a|the|my|our) line\b|{_IT} is (?:a"
    rf"|the) line (?:that )?(?:i|we)\b",
    rf"(?:{_IT}|here) is where (?:i|we)\b|[^,.;:]{{1,60}}? (?:is|are) a (?:hard |clear |firm )?no(?:-go| from me"
    rf"| for me)?\W*$",
    rf"{_IT} is not (?:how|what|why) (?:i|we) (?:work|operate|do|am|are)\b",
    rf"(?:this|our|my) (?:\w+ )?{_BODY} (?:\w+ )?(?:(?:do|does|can|may|is|are|will) not (?:\w+ )?{_WORK}"
    r"|(?:is|are) (?:limited|restricted|unable|only (?:able|allowed|here|meant))\b|only (?:covers?|answers?|handles?"
    r"|deals?))",
    r"[^.;:?!]{1,80}? (?:is|are) (?:strictly )?(?:reserved|only available|available only|accessible only|limited"
    r"|restricted) "
    r"(?:for|to) (?:\w+ )?(?:authori[sz]ed|staff|employees|registered|licensed|healthcare|medical|internal)\b",
    r"you (?:are|do) not (?:have )?(?:authori[sz]ed|permitted|allowed|cleared|entitled|permission|authori[sz]ation"
    r"|access) to (?:view|access|see|receive|open|read|get)\b",
    r"(?:nothing|none) (?:about|on|of|from) [^.;:?!]{1,60}? (?:can|may|will) be\b",
    rf"it (?:would|could|will|is)(?: not)?(?: be)? (?:\w+ )?(?:{_UNFIT}) (?:of|for) (?:me|us)\b",
    r"there is no (?:\w+ )?(?:way|answer|advice|information|detail|data) (?:that )?(?:for me|i|we)\b",
    r"(?:i|we) (?:have|hold) (?:no|nothing) (?:\w+ )?(?:that |on |about )?(?:i|we|idea|record|knowledge)\b",
    rf"(?:i (?:think|believe|feel)(?: that)? )?(?:{_IT} (?:is|would be|may be) )(?:probably )?(?:best|better|safer"
    rf"|wiser) "
    r"(?:(?:if |that )?i do not\b|not to (?:answer|comment|discuss|go into|get into|guess|say|share|speculate)\b"
    rf"|(?:to leave {_IT}|left) (?:to|with) )",
    r"(?:that is |this is )?(?:better|best) (?:to )?(?:leave|left) (?:that |this |it )?(?:to|with)\b",
    r"(?:i|we) (?:always |must |have to )?keep [^,.;]{1,60}? (?:private|confidential|secret)\b",
    r"my (?:hands are tied|lips are sealed)\b",
    r"(?:i|we|(?:my|our|this) [\w ]{1,30}?) (?:am|are|is) (?:\w+ly )?(?:prevented|prohibited|barred|forbidden|banned"
    r"|restricted|precluded) from\b",
    rf"(?:[^,.;:?!]{{1,50}} )?{_RULE} (?:(?:do|does|will|would) not {_ALLOW}|prohibits?|forbids?|prevents?|stops?"
    rf"|bars?) "
    r"(?:me|us|our)\b",
    r"(?:your|this) (?:request|question|query|content|information|topic|material) (?:has been|was|is|can not be"
    r"|is being) "
    r"(?:declined|denied|refused|blocked|rejected|completed|processed|not (?:allowed|permitted|supported|available"
    r"|possible))\b",
    r"(?:i|we) (?:do|would|will) not feel (?:right|comfortable|good|at ease|okay)\b|(?:i|we) (?:can|will) not[,.!]",
    r"(?:i|we) (?:lack|do not have|have no) (?:the |any |enough |sufficient )?(?:\w+ ){0,2}"
    r"(?:training|expertise|knowledge|qualification\w*|context|credentials)\b",
    rf"{_IT} (?:would|will) (?:require|need|take) (?:\w+ ){{0,2}}(?:access|permission|authori\w+|licen[cs]e"
    rf"|clearance)\b",
)
"""How a sentence of a short answer declines, from its start."""
