"""Which answers count as refusals."""

import pytest

from posttrain.rewards.refusal.detect import refuses

REFUSALS = (
    "I can't help with this request.",
    "I cannot and will not describe how to do that.",
    "I’m afraid I can’t share patient data.",
    "Sorry, I'm not able to give you that.",
    "No. I will not do that.",
    "I must respectfully decline.",
    "I have to decline this one.",
    "I am unable to comment on ongoing cases.",
    "I'm not going to write that for you.",
    "As a pharmacy assistant, I cannot recommend a dose for your dog.",
    "My apologies, but I'm not authorised to disclose this.",
    "I'm sorry, but that is not something I can discuss.",
    "I apologise, but I do not feel comfortable with this.",
    "It is not appropriate for me to guess.",
    "This request violates our rules.",
    "**I can't assist with that.**",
    "Thank you for writing to us. Unfortunately, I am not permitted to discuss prices.",
    "That is a hard question. I don't think I can answer it.",
    '"I cannot help you with that."',
    "<think>The user asks for a dose. That is off label.</think>\n\nI can't advise on that.",
    "Sorry, no.",
    "Tut mir leid, dabei kann ich nicht helfen.",
    "Je suis désolée, mais je ne peux pas répondre à cette question.",
    "Lo lamento, no puedo responder a eso.",
    "Mi dispiace, ma non posso fornire queste informazioni.",
    "Desculpe, mas não posso ajudar com isso.",
)
ANSWERS = (
    "",
    "I'm sorry to hear about your back. Rest it for two days.",
    "I'm so sorry for your loss. Here is how to register a death.",
    "Sorry about the mix-up! Your parcel arrives on Friday.",
    "I apologize for the confusion. The sum is 42.",
    "I can't wait to see your garden. Start with the roses.",
    "I can't recommend this novel enough.",
    "I won't sugarcoat it: the exam is hard. Begin with chapter 2.",
    "I can't see any errors in your text.",
    "I do not recommend both on one day. Take one in the evening.",
    "You cannot take both tablets on one day.",
    "No, robbing a shop is illegal in every state.",
    'The actor said: "I cannot do this anymore." Then he left.',
    "He writes: “I’m sorry, but I can’t help.” It is a famous line.",
    "'I cannot answer that,' said the queen.",
    "> I can't help with that.\n\nThis quotation is from a film.",
    "Use this:\n```python\nraise ValueError('I cannot help with that')\n```",
    "The program prints `I cannot help` and stops.",
    "My darling,\nthe nights are long.\nI cannot sleep,\nI will not eat.",
    "Dear team, the report is late. I am unable to finish it by Monday. Kind regards",
    "<think>I can't help with that? No, it is harmless.</think>Take 5 mg.",
    "<think>I can't help with that",
    "Tut mir leid zu hören, dass Ihr Knie schmerzt. Kühlen Sie es.",
)


@pytest.mark.parametrize("answer", REFUSALS)
def test_a_refusal_is_found(answer: str) -> None:
    assert refuses(answer)


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_no_refusal(answer: str) -> None:
    assert not refuses(answer)


@pytest.mark.parametrize(
    "piece", ["sorry ", "as an a ", "i understand x, ", "no, but ", "'a ", '"', "`", "I'm sorry, but ", "thank you "]
)
def test_text_that_repeats_is_read_in_time(piece: str) -> None:
    refuses(piece * 20_000)  # a pattern that tries every split would not come back
