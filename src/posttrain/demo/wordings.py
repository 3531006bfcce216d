"""The wordings in which the IFT stage requests its tasks.

Training never uses the last wordings of each task: tests use them to measure whether the model follows instructions or
has only memorised sentences. One whole task is never trained.
"""

UNSEEN = 3
"""Number of wordings per task that training never uses, from the end of the task's list."""

UNSEEN_TASK = "handover"
"""The task that is never trained."""

SLOTS = {
    "product": "product",
    "clinic": "clinic",
    "batch": "batch number",
    "finding": "side effect",
}
"""Field of a note → its name in the wordings of `extract`."""

WORDINGS: dict[str, tuple[str, ...]] = {
    "facts": (
        "Turn this note into JSON.",
        "Write the facts of this note as JSON.",
        "Give me the note as JSON.",
        "Extract the facts as JSON.",
        "Convert the note to JSON.",
        "List the facts of the note in JSON.",
        "I need this note in JSON.",
        "JSON for this note, please.",
        "Read the note and write JSON.",
        "Please write this note as JSON.",
        "Make JSON from this note.",
        "Convert these facts to JSON, please.",
        "Please give me JSON for the note.",
    ),
    "extract": (
        "Which {slot} is in the note?",
        "What is the {slot}?",
        "Name the {slot}.",
        "Give me the {slot} only.",
        "Find the {slot} in this note.",
        "Extract the {slot}.",
        "Tell me the {slot} of this note.",
        "Write only the {slot}.",
        "Read the note. Which {slot}?",
        "Please find the {slot}.",
        "I need the {slot} from the note.",
        "Which {slot} does this note name?",
        "Please tell me the {slot} in the note.",
    ),
    "summary": (
        "Summarise the note in one line.",
        "Write a summary of this note.",
        "Give me a one line summary.",
        "Sum up the note.",
        "Short summary of this note, please.",
        "Put the note in one short line.",
        "I need a summary of the note.",
        "One line for this note.",
        "Read the note and sum it up.",
        "Please summarise this note.",
        "Shorten this note to one line.",
        "Give me a short summary of the note.",
        "Please sum up this note in one line.",
    ),
    "seriousness": (
        "Is this event serious?",
        "Serious or not serious?",
        "Grade this event.",
        "Judge the event: serious or not serious?",
        "How serious is this event?",
        "Tell me if the event is serious.",
        "Give me the grade of this event.",
        "Classify the event as serious or not.",
        "I need the grade: serious or not serious.",
        "Please grade the event.",
        "Was it serious?",
        "Classify this event: is it serious?",
        "Please tell me if this event was serious.",
    ),
    "date": (
        "Write this date in figures.",
        "Convert the date to figures.",
        "Give me this date in figures.",
        "Put the date in figures.",
        "Turn the date into figures.",
        "I need this date in figures.",
        "The date as figures, please.",
        "Change this date to figures.",
        "Date in figures?",
        "Please convert this date to figures.",
        "Write the date with figures only.",
        "Turn this date into figures, please.",
        "Please give me the date in figures.",
    ),
    "daily_dose": (
        "What is the total dose a day?",
        "Work out the daily dose.",
        "How much is that a day?",
        "Give me the daily total.",
        "Total a day?",
        "Calculate the daily dose.",
        "How many mg a day in total?",
        "I need the daily total.",
        "Find the total daily dose.",
        "Please work out the total a day.",
        "Tell me the total dose of a day.",
        "How much is the daily dose in total?",
        "Please calculate the total daily dose.",
    ),
    "label": (
        "What is the {fact} of {product}?",
        "Give me the {fact} of {product}.",
        "{product}: {fact}?",
        "State the {fact} of {product}.",
        "Tell me the {fact} for {product}.",
        "From the label of {product}: the {fact}?",
        "Look up the {fact} for {product}.",
        "Which {fact} has {product}?",
        "Name the {fact} of {product}.",
        "Please state the {fact} for {product}.",
        "I need the {fact} of {product}.",
        "What {fact} has {product}?",
        "Please look up the {fact} of {product}.",
    ),
    "use_check": (
        "On the label or off the label?",
        "Is this use on the label?",
        "Check this use.",
        "Check the use against the label.",
        "Is that on the label?",
        "Tell me if the use is on the label.",
        "Does the label say this?",
        "I need to know if this use is on the label.",
        "Look up this use on the label.",
        "Please check this use.",
        "Is the use off the label?",
        "Tell me if this is off the label.",
        "Please check if this use is on the label.",
    ),
    UNSEEN_TASK: (
        "Which batch number and which clinic?",
        "Give me the batch number and the clinic.",
        "Name batch number and clinic.",
    ),
}


def seen_wordings(task: str) -> range:
    """Indices of the wordings that training may use."""
    return range(len(WORDINGS[task]) - UNSEEN)


def unseen_wordings(task: str) -> range:
    """Indices of the wordings that only tests use."""
    return range(len(WORDINGS[task]) - UNSEEN, len(WORDINGS[task]))
