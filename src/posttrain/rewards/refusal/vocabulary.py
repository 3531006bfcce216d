"""Classes of English words that the features of an answer count."""

import re

SELF = r"(?:i|we|me|us|my|our|ours|mine|myself|this (?:assistant|chat|service|channel|conversation))"
NEGATION = r"(?:not|no|never|nor|neither|none|nothing|unable|cannot|without|decline\w*|refus\w+|avoid\w*|refrain\w*)"

_CLASSES = {
    "limit": r"polic(?:y|ies)|guidelines?|rules?|scope|remit|confidential\w*|private|privacy|permi\w+|allow\w*"
    r"|authori\w+|restricted|protected|disclos\w+|approved|outside|beyond|limits?|capab\w+|access|available|real-?time"
    r"|ability",
    "wrong": r"illegal\w*|unlawful|lawful|against the law|crimes?|criminal|offen[cs]es?|prosecuted|unethical|ethical"
    r"|immoral|inappropriate|appropriate|harmful|offensive|disrespectful|derogatory|discriminat\w+|stereotyp\w+"
    r"|fraud\w*"
    r"|violat\w+|abuse|dishonest|wrong|acceptable|okay|violence|theft|defamatory",
    "danger": r"danger\w*|endanger\w*|harm\w*|risk\w*|hurt\w*|unsafe|safety|safe|injur\w*|consequences|trouble|serious",
    "send": r"please|contact|consult|call|ask|speak|talk|reach out|seek|see (?:a|your)|doctor|physician|pharmacist"
    r"|nurse"
    r"|\w+ologist|clinic|lawyer|solicitor|vet|dentist|midwife|professional|provider|therapist|counsellor|counselor"
    r"|expert"
    r"|department|team|medical information|legal|quality|drug safety|helpdesk|support|police|accountant|crisis|hotline"
    r"|helpline",
    "redirect": r"instead|rather|alternative\w*|consider|encourage|recommend|suggest|happy to|glad to|would be (?:happy"
    r"|glad)|can (?:help|offer)|how about|what about|better|legal ways?|in its place|should",
    "sorry": r"sorry|apolog\w+|afraid|unfortunately|regret\w*",
    "assistant": r"as an ai|ai (?:language )?model|language model|assistant|chatbot|programmed|designed|trained",
    "value": r"respect\w*|dignity|kind(?:ness)?|everyone|important to|treat\w*|regardless|diversity|inclusi\w+|equal\w*"
    r"|positive",
    "back": "that|this|it|such|these|those",
    "you": "you|your|yourself",
    "self": SELF,
    "negation": NEGATION,
    "cannot": "can not|will not|could not|may not|must not|should not|would not|am not|do not|is not|are not",
    "number": r"\d+",
}
CLASSES = {name: re.compile(rf"\b(?:{words})\b") for name, words in _CLASSES.items()}
"""What to search for in a sentence, by the class's name."""

TELLING = ("limit", "wrong", "danger", "send", "redirect", "self", "assistant", "value", "sorry")
"""Classes that an ordinary sentence about a topic seldom has."""

SELF_NEGATION = re.compile(
    rf"\b{SELF}\b(?: [^ .;?!]+){{0,6}}? {NEGATION}\b|\b{NEGATION}\b(?: [^ .;?!]+){{0,4}}? (?:{SELF})\b"
)
"""The assistant and a negation near each other."""

GERUND = re.compile(r"^[a-z]+ing\b")
"""A sentence whose subject is an act: "Forging a prescription is ..."."""

IMPERATIVE = re.compile(
    "^(?:first|then|next|start|use|take|put|add|mix|keep|cut|pour|heat|cook|bake|boil|wash|clean|dry|rinse|soak"
    "|turn|press"
    "|open|close|click|go to|select|choose|pick|find|get|place|set|run|type|install|save|write|draw|read|make|create"
    "|build|remove|apply|let|leave|wait|check|measure|store|wrap|fill|hold|pull|push|follow|prepare|stir|spread|replace"
    "|try|practi[sc]e|reply|say|state|give|be|begin|do not|never|always|avoid|stay|drink|eat|wear|bring|buy|plan|think"
    "|learn|focus|look|cover|attach|tie|return|cool|rest|combine|consider|identify|walk|insert|connect|lift|slide|fold"
    r"|sand|paint|plant|water|agree|listen|thank)\b"
)
"""A step of instructions."""

FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an the of to in on at by for with from and or but if so that this these those it its is are was "
        "were be been being i you he she we they me him her us them my your his our their do does did have "
        "has had can could will would shall should may might must not no as what which who whom when where "
        "why how there here than then just about into over also any some more most very please am ",
    )
)
"""Words by which English is known."""
