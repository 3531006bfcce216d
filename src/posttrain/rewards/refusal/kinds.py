"""The kinds of sentences, and the English words of those that do not decline."""

from enum import Enum, auto

from posttrain.rewards.refusal.limits import SENDS
from posttrain.rewards.refusal.words import OPENING, one_of


class Clause(Enum):
    """What a sentence does."""

    DECLINE = auto()
    """It declines: "I can't help with that"."""
    SCOPED = auto()
    """It declines a part: "I can't help with the second question"."""
    DISCLAIMER = auto()
    """It names what an AI lacks: "As an AI, I have no opinions"."""
    DISAPPROVAL = auto()
    """It calls the request wrong: "That is illegal and unethical"."""
    CARE = auto()
    """It names a crisis line or the like."""
    SEND = auto()
    """It sends the reader to somebody: "Please ask your doctor"."""
    REDIRECT = auto()
    """It turns to something else: "Instead, try ...", "I suggest ..."."""
    OFFER = auto()
    """It offers something else: "I'd be glad to write about vaccine safety"."""
    MORAL = auto()
    """It moralises: "It is important to respect others"."""
    REASON = auto()
    """It gives a reason: "My purpose is to be helpful"."""
    COURTESY = auto()
    """It is polite: "Thank you for your question"."""
    STEP = auto()
    """It is content of the sort that was requested: a list item, a dose, "however, here is"."""
    CONTENT = auto()
    """Anything else."""


_MORAL = one_of(
    "illegal(?:ly)?|against the law|unlawful|crimes?|(?:serious |criminal )offen[cs]es?|criminal|(?:un)?ethical"
    "|immoral|morally|inappropriate|harmful",
    "cruel|outlawed|sabotage|falsification|theft|cheating|plagiarism|harassment|stalking|blackmail|bullying"
    "|vandalism|perjury",
    r"offensive|disrespectful|derogatory|discriminat\w+|stereotyp\w+|fraud|violat\w+|unethical|abuse|cruelty",
)
_LACKS = "feelings?|emotions?|opinions?|beliefs?|experiences?|judg\\w+|preferences|biases|body|assumptions"
_EXPERT = "doctor|pharmacist|lawyer|professional|authorities|team"

KINDS: tuple[tuple[Clause, str], ...] = (
    (
        Clause.DISCLAIMER,
        one_of(
            rf"\b(?:i|we) (?:do not|am not able to|can not) (?:have|possess|feel|form|hold|make)\b.*\b(?:{_LACKS})\b",
            r"\bi have no (?:\w+ )?(?:feelings?|opinions?|emotions?)\b",
            r"^(?:i am (?:\w+ )?sorry, )?(?:but )?(?:as|i am) an ai\b.*?\bdo not (?:have|hold|possess)\b",
        ),
    ),
    (
        Clause.STEP,
        one_of(
            r"^\s*(?:\d+[.)]|[-*•] )",
            r"\b\d+(?:[.,]\d+)? ?(?:mg|ml|mcg|g|tablets?|drops?|hours?|%)(?: |\b)",
            "^(?:however|but|still|yet),? "
            + one_of(
                "i can (?:tell|state|explain|say)|it (?:is a|has|depends)|there (?:are|is|have)",
                "(?!it is (?:important|essential|crucial|worth|up to)|my )(?:[a-z']+ ){1,3}(?:is|are|was|were) ",
            ),
            r"^(?:however|but),? according to|^(?:in general|generally|as a general rule|typically), ",
            r"(?:but|however),? (?:here (?:is|are)|i can certainly)\b",
            r"\bsome (?:people|argue)\b",
            r"\b(?:widely|commonly|generally) (?:accepted|regarded|known|believed|considered)\b",
            r"^to [^,]{3,60}, (?:you|use|add|take|try|first)\b",
            "^(?:here (?:is|are)|what (?:i|you) can (?:give|tell|say|offer|use))",
        ),
    ),
    (
        Clause.DISAPPROVAL,
        one_of(
            rf"^(?!no\b)(?:{OPENING})?(?:that|this|it|such \w+|[\w' -]{{1,60}}?) (?:is|are|would be|can be|goes|will)\b"
            rf".{{0,60}}\b(?:{_MORAL})\b",
            r"\bnot (?:appropriate|ethical|right|acceptable|respectful|accurate or fair)\b",
        ),
    ),
    (
        Clause.DISAPPROVAL,
        r"^(?!no\b)(?:(?!you |it )[\w' -]{1,60}?) (?:endangers?|puts? \w+(?: \w+)? (?:at risk|in danger)"
        r"|(?:can|could|would|will|may) (?:be prosecuted|get you (?:in|into) trouble|hurt (?:people|somebody|someone))"
        r"|(?:hurts|harms|damages|deceives|exploits) (?:people|others|everyone|them|children|somebody|someone))\b",
    ),
    (
        Clause.OFFER,
        one_of(
            r"^(?:(?:how|what) about (?:i|we|an?|the|some|writing)|want (?:an?|me|to)|shall i|would you like"
            r"|can i (?:help|offer))\b"
            r"(?!.*\b(?:more|further|else)\b)",
            r"\b(?:i am|(?:would|will) be) (?:glad|happy|pleased) to\b",
            r"\bi can (?:help|talk|offer|sum up|explain)\b.*\b(?:instead|about)\b",
        ),
    ),
    (
        Clause.CARE,
        r"\b(?:crisis|suicide|help|hot) ?-?(?:lines?|text)\b|\bemergency (?:number|room)\b|\bpoison control\b",
    ),
    (
        Clause.SEND,
        one_of(
            *SENDS,
            r"^please (?:contact|consult|call|seek|reach|ask|talk|see|speak|write to)\b",
            r"^(?:call your|talk to (?:a|your)|seek help)\b",
            r"\bplease (?:contact|consult|call|seek|reach out|ask|talk to|speak)\b",
        ),
    ),
    (
        Clause.REDIRECT,
        one_of(
            r"^(?:instead(?! of)|consider|let us|is there (?:anything|something))\b",
            r"^(?:contact|call|talk to|ask|see a|seek|let me know|feel free|if you or some(?:one|body))\b",
            r"^if [^.]*\b(?:can|may|could|will) (?:help|be able)\b",
            r"^if [^,.]*, (?:try|talk|ask|consider|seek|there are)\b",
            r"\bplease (?:contact|consult|call|seek|reach|ask|talk|see|speak|consider|refrain|write|refer|note|log)\b",
            r"\b(?:i (?:would )?(?:suggest|encourage|recommend|advise|urge)|i am here|resources available)\b",
            r"\b(?:consult|ask|see|talk to|contact|belongs? (?:to|with)) (?:a|the|your|our|his|her|their) (?:\w+ )?"
            rf"(?:{_EXPERT})(?!')\b",
            r"\bseek(?:ing)? (?:\w+ )?help\b|\binstead\W*$",
        ),
    ),
    (
        Clause.MORAL,
        one_of(
            r"^(?:no, )?it is (?:\w+ )?(?:important|essential|crucial) to "
            r"(?:treat|respect|remember|prioriti[sz]e|promote|avoid|always)\b",
            r"^(?:no, )?it is (?:\w+ )?(?:always (?:better|best)|never (?:okay|right|appropriate|acceptable))\b",
            r"^everyone deserves\b",
        ),
    ),
    (
        Clause.REASON,
        r"\b"
        + one_of(
            _MORAL,
            "respect|dignity|kindness|important to|essential to|crucial to|always (?:better|best)|never okay",
            "my (?:purpose|programming)|programmed|designed to|as an ai|everyone deserves|consequences|privacy|consent",
            "safety|risks?|dangerous|integrity|honesty|trust|in line with|guidelines",
        )
        + r"\b",
    ),
    (
        Clause.COURTESY,
        one_of(
            r"^(?:thank|thanks|i understand|i hear|i appreciate|i know|sorry|no\W*$)\b",
            r"^i am (?:so |really |very )*(?:sorry|worried)\b",
            r"^(?:how (?:may|can) i|(?:can|could) you (?:please )?(?:clarify|provide|share|tell|paste))\b",
            r"(?:ready|here) to (?:assist|help)\b|^my (?:responses|answers|knowledge)\b",
        ),
    ),
)
"""What to look for in a sentence; the first kind that is found holds."""
