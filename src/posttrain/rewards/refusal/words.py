"""The words of refusals, as patterns that match at the start of a sentence in lower case, contractions written out."""


def _one_of(*ways: str) -> str:
    return f"(?:{'|'.join(ways)})"


HELP = _one_of(
    "accommodate|aid|answer|approve|assist|browse|comment|complete|comply|condone|confirm|continue|create|describe",
    "disclose|discuss|display|do (?:that|this|so)|draw|encourage|endorse|engage|explain|express|facilitate|fulfil+",
    "generate|give|go along|grant|guide|help|honou?r|instruct|offer|open|participate|perform|proceed|process|produce",
    "promote|provide|reply|respond|retrieve|reveal|say more|share|show|speculate|suggest|support|take part|teach|tell",
    "translate|verify|write",
)
"""What an assistant is there to do. To advise is another matter: "I do not recommend" is advice."""

IDIOM = _one_of(
    "advise|always|argue|be (?:happier|more)|believe|bear|complain|deny|emphasi[sz]e|forget|go wrong|guarantee",
    r"help but|imagine|just|lie|necessarily|only|overstate|pretend to|promise|recommend\b.*\benough",
    "say (?:enough|for)|stand|stress|sugarcoat|thank|wait|(?:detect|find|see|spot|think of) (?:an?|any|no)",
)
"""What follows "I can't" or "I won't" without a refusal."""

_ADVERB = "(?:(?:also|absolutely|just|really|respectfully|simply|still|therefore|however|unfortunately) )*"
_VERY = "(?:(?:so|very|really|truly|deeply|terribly) )?"
_SORRY = _one_of("sorry", "(?:my )?apologies", f"i (?:am )?{_VERY}(?:sorry|apologi[sz]e)")
_I = f"(?:i|we) {_ADVERB}"
_AM = f"(?:i am|we are) {_ADVERB}"
_IT = "(?:that|this|it)"

OPENING = (
    _one_of(
        "no|oh|well|but|and|so|also|however|unfortunately|regrettably|sadly|as such|therefore|in good conscience",
        rf"{_SORRY}(?: \w+(?=,))?|i am afraid(?: that)?|i regret to say(?: that)?|i must (?:inform|tell) you(?: that)?",
        "i (?:believe|think)(?: that)?|thank(?:s| you)[^,]{0,60}|under (?:no|any) circumstances?",
        "i (?:appreciate|understand|hear|know|see|respect)[^,]{1,80}|(?:while|although) [^,]{1,80}",
        "(?:as|being|since i am|because i am|i am)(?: just| only)? an? [^,]{1,60}?",
    )
    + "(?:[,:—–-]+ *| (?=(?:i|we|but|and|that|it|this|so|not|no)\\b))(?:(?:but|and|so|that) )*"
)
"""What may stand before the refusal in its sentence, one piece of it."""

CANNOT = (
    _one_of(
        rf"{_I}(?:(?:will|would) not be able to|(?:can|will) not)(?:, [^,]{{1,40}},)? ",
        rf"{_AM}(?:unable|prohibited from|forbidden) (?:to )?",
        rf"{_AM}not (?:able|going|allowed|permitted|willing|authori[sz]ed|qualified|designed|programmed) (?:to )?",
        rf"{_AM}not (?:in a position to|here to|capable of|comfortable|comfortable with) ",
    )
    + _ADVERB
)
"""Then a verb follows."""

REFUSAL = _one_of(
    rf"{CANNOT}{HELP}\b",
    rf"{CANNOT}(?:advise|recommend)\b(?!.*\benough)",
    rf"{_I}(?:can|will) not[.!]*$",
    rf"i do not (?:believe|think) (?:that )?(?:i|we) (?:can|should|will) {_ADVERB}{HELP}\b",
    rf"{_I}(?:(?:must|have to|need to|will have to|would like to|am going to) )?{_ADVERB}(?:decline|refuse)\b",
    r"(?:i am|we are) (?:declining|refusing)\b",
    rf"{_I}(?:would (?:rather|prefer)|prefer|choose) not\b",
    rf"{_I}(?:do|should) not (?:feel )?(?:{HELP}|comfortable)\b",
    rf"{_I}(?:do not|am not) (?:possess|have) (?:the )?(?:access|ability|capability)\b",
    rf"{_AM}not comfortable\b",
    rf"{_IT} is not something (?:that )?(?:i|we)\b",
    rf"{_IT} is something (?:that )?(?:i|we) (?:can|will) not\b",
    rf"{_IT} (?:is|would be) not (?:appropriate|ethical|legal|possible|right|okay|acceptable)[^.]{{0,30}} for me to\b",
    rf"{_IT} (?:is|would be) (?:inappropriate|unethical|illegal|wrong|impossible) for me to\b",
    rf"{_IT} (?:is|would be|goes) against (?:my|our)\b",
    r"(?:that|this|your) (?:request|question) (?:can not be|goes against|violates|is (?:not|in|un|against))",
    r"sorry,? no\b",
    rf"{_SORRY}[,:—–-]* (?:but|however)\b.*?\b(?:not|no|nothing|never|unable|decline|refuse)\b",
    rf"{_SORRY}[,:—–-]* (?:but|however)\b.*?\b(?:inappropriate|offensive|illegal|unethical|harmful|against)\b",
)
"""English."""

_KANN = "(?:kann|darf|werde|möchte)"
_PEUX = "(?:peux|puis|pourrai|vais|saurais)"

REFUSAL_ELSEWHERE = _one_of(
    # German
    rf"(?:(?:es )?tut mir (?:sehr )?leid|leider|sorry|entschuldig\w+|bedaure)[,:]? (?:aber |doch )?"
    rf"(?:(?:ich|das|dabei|dazu|darauf|hier\w*) {_KANN}|{_KANN} ich)\b.*\b(?:nicht|kein\w*)\b",
    rf"(?:ich|das|dabei|dazu|darauf) {_KANN} .*\bnicht (?:helfen|weiterhelfen|beantworten|antworten|geben|sagen)\b",
    rf"(?:ich|das|dazu|dem) {_KANN} .*\bnicht (?:bereitstellen|unterstützen|erfüllen|beraten|nachkommen)\b",
    r"ich (?:muss (?:das |diese \w+ )?ablehnen|lehne .*\bab\b|bin nicht in der lage)",
    # French
    r"(?:(?:je suis |nous sommes )?(?:vraiment )?désolée?s?|malheureusement|je regrette)[,:]? (?:mais )?"
    rf"(?:je ne (?:{_PEUX}|suis)|il (?:ne )?m'est impossible)\b",
    rf"je ne {_PEUX} (?:malheureusement )?pas (?:vous |t'|te )?(?:aider|fournir|donner|répondre|assister|faire)\b",
    r"je (?:dois|préfère) (?:décliner|refuser)|je ne suis pas en mesure\b",
    # Spanish
    r"(?:lo siento|lo lamento|perdón|disculp\w+|lamentablemente|desafortunadamente)[,:]? (?:pero )?"
    r"no (?:puedo|podemos|podré|me es|estoy|voy a|es posible)\b",
    r"no (?:puedo|podemos|podré|me es posible|voy a) (?:ayudar|proporcionar|dar|responder|ofrecer|brindar|hacer)",
    r"debo (?:rechazar|negarme)\b",
    # Italian
    r"(?:mi dispiace|mi spiace|purtroppo|scusa\w*)[,:]? (?:ma )?non (?:posso|possiamo|sono|mi è|è possibile)\b",
    r"non (?:posso|possiamo) (?:aiutar|fornir|risponder|dar|offrir|far)|devo rifiutare\b",
    # Portuguese
    r"(?:desculp\w+|sinto muito|lamento|infelizmente)[,:]? (?:mas )?(?:eu )?"
    r"não (?:posso|podemos|consigo|estou|vou|é possível)\b",
    r"(?:eu )?não (?:posso|podemos|consigo) (?:ajud|fornec|respond|dar|oferec|atend|faz)|devo recusar\b",
)
"""The other languages of `KNOWN`."""
