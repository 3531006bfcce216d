"""English words that decline, as patterns for the start of a sentence in lower case, contractions written out."""

from posttrain.rewards.refusal.limits import EXPERT, EXPERTS, LIMITS, ONLY, RESTRICTED


def one_of(*ways: str) -> str:
    """A pattern that matches each of these ways."""
    return f"(?:{'|'.join(ways)})"


HELP = one_of(
    "access|accommodate|aid|answer|approve|assist|browse|comment|compare|complete|comply|condone|confirm|continue",
    "create|diagnose|fabricate|identify|judge|look up|make (?:an?|any)|predict",
    "describe|disclose|discuss|display|do (?:that|this|so)|draft|draw|encourage|endorse|engage|explain|express",
    "facilitate|fulfil+|generate|get into|give|go along|go into|grant|guide",
    "help(?! (?:but|it|feeling|thinking|laughing|wondering|noticing))|honou?r|instruct|invent|name|offer|open",
    "participate|perform|point you|prescribe|proceed|process|produce|promote|provide|put a number|quote|read|reply",
    "reproduce|respond|retrieve|reveal|say (?:more|anything|which|what|who|how)|share|show|speculate|suggest|support",
    "take (?:part|sides|a side)|teach|tell|translate|verify|view|write",
    "arrange|assess|book|build|calculate|certify|compose|craft|design|evaluate|forge|hand (?:out|over)|impersonate"
    "|interpret",
    "pass (?:on|along|it)|plan|publish|recreate|release|sell|send|summari[sz]e|supply|walk (?:you|through)",
)
"""What an assistant is there to do. To advise is another matter: "I do not recommend" is advice."""

IDIOM = one_of(
    "advise|attend|be there|breathe|come|eat|feel|live|remember|see|sleep|join|make it",
    "always|argue|be (?:happier|more)|believe|bear|complain|decide|deny",
    "emphasi[sz]e|even|forget|go wrong|guarantee",
    r"help but|imagine|just|lie|necessarily|only|overstate|pretend to|promise|recommend\b.*\benough",
    r"say (?:enough|for|i|that)|stand|stress|sugarcoat|thank|wait",
    "(?:detect|find|see|spot|think of) (?:an?|any|no)",
)
"""What follows "I can't" or "I won't" without a refusal."""

_ADVERB = "(?:(?:also|absolutely|always|just|really|respectfully|simply|still|therefore|however|unfortunately) )*"
_VERY = "(?:(?:so|very|really|truly|deeply|terribly) )?"
_SORRY = one_of("sorry", "(?:my )?apologies", f"i (?:am )?{_VERY}(?:sorry|apologi[sz]e)")
_I = f"(?:i|we|this assistant) {_ADVERB}"
_AM = f"(?:i am|we are|i was) {_ADVERB}"
_IT = "(?:that|this|it)"

TOPIC = r"(?![^,]*\breasons?\b)(?:on|for|about|regarding|more than|code for) [^,.;:]{1,50}?[,:]? (?=(?:i|we) )"
"""A topic in front of the sentence: "On drugs I can't say anything"."""

OPENING = (
    "(?:"
    + one_of(
        "no|oh|well|but|and|so|also|however|unfortunately|regrettably|sadly|as such|therefore|in good conscience",
        rf"{_SORRY}(?: \w+(?=,))?|{_SORRY} for (?:any|the) [^,.]{{1,40}}",
        "i am afraid(?: that)?|i regret to say(?: that)?",
        "i must (?:inform|tell) you(?: that)?|i (?:believe|think)(?: that)?|thank(?:s| you)[^,]{0,60}",
        "under (?:no|any) circumstances?|for [^,]{1,40}? reasons|(?:as|when it comes) (?:to|for) [^,]{1,60}?",
        "i (?:appreciate|understand|hear|know|see|respect)[^,]{1,80}|(?:while|although|though) [^,]{1,80}",
        "(?:as much as|to) [^,]{1,60}|(?:i|we) (?:have to|must|should|want to|need to) be [^,:]{1,30}|hmm|still|look",
        "(?:even|without|with|because|since|given|if|due to|under|per|at|currently|right now|honestly"
        "|frankly)\\b[^,]{0,80}",
        "(?:as|being|since i am|because i am|i am)(?: just| only)? an? [^,]{1,60}?",
    )
    + "(?:[,:—–-]+ *| (?=(?:i|we|but|and|that|it|this|so|not|no)\\b))"
    + "(?:(?:but|and|so|since|because) |that (?=(?:i|we|it|this|as)\\b))*"
    f"|{TOPIC})"
)
"""What may stand before the refusal in its sentence, one piece of it."""

CANNOT = (
    one_of(
        rf"{_I}(?:(?:will|would) not be able to|(?:can|will) not)(?:, [^,]{{1,40}},)? ",
        rf"{_AM}(?:unable|prohibited from|forbidden) (?:to )?",
        rf"{_AM}not (?:able|going|allowed|permitted|willing|authori[sz]ed|qualified) (?:to )?",
        rf"{_AM}not (?:designed|programmed|equipped|supposed) (?:to )?",
        rf"{_AM}not (?:in a position to|here to|capable of|comfortable|comfortable with) ",
    )
    + _ADVERB
)
"""Then a verb follows."""

_TOPIC = r"[^,.;:?!]{1,80}? "
_NOT_MINE = one_of(
    r"(?:is|are) not (?:something|things|a (?:subject|topic)|subjects) (?:that )?(?:i|we)\b",
    "(?:is|are) (?:something|a topic|a subject|a question)(?: on which| that)? (?:i|we) "
    "(?:have to leave|would (?:rather|prefer)|can not|do not|will not|must)",
    r"(?:is|are|lies|falls) (?:beyond|outside) (?:what i|my|our)\b",
)

REFUSAL = one_of(
    rf"{CANNOT}{HELP}\b",
    rf"{CANNOT}(?:advise|recommend)\b(?!.*\benough)",
    rf"{_I}(?:can|will) not[.!]*$",
    rf"i do not (?:believe|think) (?:that )?(?:i|we) (?:can|should|will) {_ADVERB}{HELP}\b",
    rf"{_I}(?:(?:must|have to|need to|will have to|would like to|am going to) )?{_ADVERB}(?:decline|refuse)\b",
    r"(?:i am|we are) (?:declining|refusing)\b",
    rf"{_I}(?:would (?:rather|prefer|like)|prefer|choose) (?:not|(?:to )?(?:keep|stay))\b",
    rf"{_IT} is an? (?:topic|subject|question|request|thing) (?:that )?(?:you|we|i) (?:need to|should|must) avoid\b",
    rf"{_I}(?:do|does|should) not (?:feel )?(?:{HELP}|comfortable)\b",
    rf"{_I}(?:do not|am not) (?:possess|have) (?:the |any |real-?time |enough |sufficient )*"
    r"(?:access|ability|capability|data|information|permission)\b",
    rf"{_I}do not have (?:that|this)\b|(?:i am afraid )?(?:that|this) is (?:not possible|impossible)\W*$",
    rf"(?:{_I})?have no (?:access|way of knowing|way to|information)\b|neither can i\b",
    rf"{_AM}(?:unable|not (?:able|allowed|permitted|willing|authori[sz]ed|equipped|supposed)) to \w",
    rf"{_I}do not want to {HELP}\b|it is not my (?:place|role|job)\b",
    rf"{_I}(?:stay out of|take no (?:position|side)|have to leave)\b",
    rf"{_AM}not (?:\w+ )?(?:comfortable|okay|happy|willing|prepared|qualified)\b",
    rf"{_AM}not (?:\w+ly )?(?!sure|certain|afraid|ashamed)\w+ (?:enough )?to {HELP}\b",
    rf"{_I}(?:may|must|could) not {HELP}\b|{_I}never {HELP}\b",
    rf"{_I}would not (?:even )?(?:share|tell|give|help|disclose|provide|reveal|do (?:that|this|so)|write|assist"
    rf"|show)\b",
    r"(?:absolutely not|certainly not|nope|not my style|not doing|no way)\b(?! (?:necessary|true|correct))",
    rf"{_IT} is not something (?:that )?(?:i|we)\b",
    rf"{_IT} is something (?:that )?(?:i|we) (?:can|will) not\b",
    rf"(?:{_TOPIC}){_NOT_MINE}",
    rf"(?:what|which|whether|how) [^.;?!]{{1,80}} (?:i|we) (?:can|will|do) not (?:say|tell|give|{HELP})\b",
    "(?:my|our) (?:guidelines|rules|policy|policies|programming) "
    "(?:rules? (?:this|that|it) out|prohibits?|forbids?|does? not allow)",
    rf"{_IT} (?:is|would be) not (?:appropriate|ethical|legal|possible|right|okay|acceptable)[^.]{{0,30}} for me to\b",
    rf"{_IT} (?:is|would be) (?:inappropriate|unethical|illegal|wrong|impossible) for me to\b",
    rf"{_IT} (?:is|would be|goes) (?:against (?:my|our)|not within my)\b",
    r"(?:that|this|it (?=would)) ?(?:is|would) not (?:be )?"
    r"(?:appropriate|right|ethical|an? (?:appropriate|proper|relevant))\b",
    r"(?:that|this|your) (?:request|question) (?:can not be|goes against|violates|is (?:not|in|un|against))",
    r"sorry,? no\b|i (?:must|have to|will have to) say no\b|let us not\b",
    r"[^,.;:]{0,50}\bi (?:have |am )?(?:left|leaving) (?:(?:it|that|this) )?out\b",
    r"(?!.*\bthing\b)[^,.;:]{3,50} (?:i|we) (?:can|will|do) not "
    r"(?:give|say|name|write|provide|tell|offer|judge)(?=\W*$|[,;:])",
    r"i will (?:stop short of|pass on)\b",
    r"for (?:that|this),? please\b",
    r"you (?:would|will) (?:need|have) to (?:see|ask|contact|call|consult)\b[^.]{1,40} for (?:that|this)\b",
    r"for (?!further|more|other|additional|any)[^,.;]{3,60}, (?:please|kindly) "
    r"(?:contact|consult|call|ask|see|talk|speak|write|reach out|get in touch|refer|direct)\b",
    rf"{_SORRY}[,:—–-]* (?:but|however)\b.*?\b(?:inappropriate|offensive|illegal|unethical|harmful|against)\b",
    rf"{_SORRY}[,:—–-]* (?:but|however)\b.*?\bnot (?:\w+ )?(?:ethical|appropriate|right|true|legal|okay|acceptable)\b",
    *LIMITS,
)
"""A sentence that declines."""

BEHIND = r"it (?:is|would) not (?:be )?(?:appropriate|right|ethical|legal|acceptable|my (?:role|place)|within my)\b"
"""What declines behind an opening alone: "I'm sorry, but it is not right to ..."; without one it is a statement."""

_EXPERT = rf"(?:\w+ )?{EXPERT}"

IMPERSONAL = (
    f"(?:{ONLY}|(?!(?:i|you|we|they|he|she) ){_TOPIC}"
    + one_of(
        *RESTRICTED,
        *EXPERTS,
        r"(?:is|are) (?:off the table|out of my hands|where i (?:draw the line|stop))",
        r"(?:have|has) to (?:come from|be made by|be decided by|decide)\b",
        rf"(?:belongs? (?:with|to)|should be answered by) (?:your|his|her|their|the|a) (?:\w+ )?{_EXPERT}\b",
        rf"(?:is|are) (?:an? |something )?(?:decision|question|matter|choice|something|one)s? [^.;]{{0,30}}"
        rf"\b(?:with|for|by|to) (?:your|his|her|their|the|a) {_EXPERT}\b",
    )
    + ")"
)
"""A sentence that declines without "I": "Patient names are confidential"."""
