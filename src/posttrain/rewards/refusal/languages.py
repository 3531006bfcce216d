"""Words of refusals in German, French, Spanish, Italian and Portuguese; they match at the start of a sentence."""

_KANN = "(?:kann|darf|werde|möchte)"
_PEUX = "(?:peux|puis|pourrai|vais|saurais)"

PATTERNS = (
    r"(?:nur|seule?|solo|sólo|só|somente|solamente) (?:ein\w*|der|die|das|ihr\w*|une?|votre|le|la|el|su|il|lo|uma?"
    r"|o|a|seu) \w+"
    r" (?:kann|darf|peut|puede|può|pode)\b",
    r"(?:[\w]+,? ){1,5}(?:são|sono|son|sont|sind|es|è|é|est|ist) (?:estrictamente |streng )?"
    r"(?:confiden[cz]i\w+|vertraulich|confidentiel\w+)",
    # German
    rf"(?:(?:es )?tut mir (?:sehr )?leid|leider|sorry|entschuldig\w+|bedaure)[,:]? (?:aber |doch )?"
    rf"(?:(?:ich|das|dabei|dazu|darauf|hier\w*) {_KANN}|[\w ]{{0,40}}?{_KANN} ich)\b.*\b(?:nicht|kein\w*)\b",
    rf"(?:ich|das|dabei|dazu|darauf|hierzu) {_KANN} .*"
    r"\bnicht (?:helfen|weiterhelfen|beantworten|antworten|geben|sagen)\b",
    rf"(?:aber |doch )?(?:(?:ich|das|(?:diese|solche|ihre|deine|die)\w* [\w ]{{1,40}}?) {_KANN}"
    rf"|{_KANN} ich)\b.{{0,60}}\bnicht \w+"
    r"(?:geben|teilen|antworten|nennen|sagen|schreiben|empfehlen|helfen)\W*$",
    rf"(?:ich|das|dazu|dem|(?:bei|zu|über) [\w ]{{1,40}}) {_KANN} (?:ich )?(?:\w+ ){{0,6}}"
    r"(?:nicht (?:bereitstellen|unterstützen|erfüllen|beraten|nachkommen|helfen)|keine? (?:auskunft|angaben?|rat))\b",
    r"ich (?:kann|darf|werde) (?:\w+ ){0,3}kein\w* .*"
    r"\b(?:geben|nennen|machen|erteilen|bereitstellen|schreiben|sagen)\b",
    r"ich (?:muss (?:das |diese \w+ )?ablehnen|lehne .*\bab\b|bin nicht in der lage)",
    # French
    r"(?:(?:je suis |nous sommes )?(?:vraiment )?désolée?s?|malheureusement|je regrette)[,:]? (?:mais )?"
    rf"(?:je ne (?:{_PEUX}|suis)|il (?:ne )?m'est impossible|je refuse)\b",
    rf"je ne {_PEUX} (?:malheureusement )?pas (?:vous |t'|te )?(?:aider|fournir|donner|répondre|assister|faire"
    rf"|communiquer|divulguer|partager|indiquer|conseiller|révéler|recommander)\b",
    r"je (?:dois (?:décliner|refuser)|préfère (?:décliner|ne pas)|refuse de)|je ne suis pas en mesure\b",
    # Spanish
    r"(?:lo siento|lo lamento|perdón|disculp\w+|lamentablemente|desafortunadamente)[,:]? (?:pero )?"
    r"no (?:puedo|podemos|podré|me es|estoy|voy a|es posible)\b",
    r"no (?:puedo|podemos|podré|me es posible|voy a) "
    r"(?:ayudar|proporcionar|dar|responder|ofrecer|brindar|hacer"
    r"|compartir|revelar|facilitar|recomendar|decir|divulgar|aconsejar)",
    r"debo (?:rechazar|negarme)\b",
    # Italian
    r"(?:mi dispiace|mi spiace|purtroppo|scusa\w*)[,:]? (?:ma )?non (?:posso|possiamo|sono|mi è|è possibile)\b",
    r"non (?:posso|possiamo) (?:aiutar|fornir|risponder|dar|offrir|far|condivider|comunicar|consigliar|rivelar|dire"
    r"|divulgar)|devo rifiutare\b|non sono in grado di\b",
    # Portuguese
    r"(?:desculp\w+|sinto muito|lamento|infelizmente)[,:]? (?:mas )?(?:eu )?"
    r"não (?:posso|podemos|consigo|estou|vou|é possível)\b",
    r"(?:eu )?não (?:posso|podemos|consigo) (?:ajud|fornec|respond|dar|oferec|atend|faz|partilh|revel|compartilh"
    r"|divulg|recomend|dizer|inform|aconselh)|devo recusar\b",
)
"""Sentences that decline."""
