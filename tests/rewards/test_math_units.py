r"""Units, words of scale, groups of digits, lists, ranges and times: right answers get 1, wrong ones 0.

Each row is a target, answers that are right, and answers that are wrong. Each answer is put in ``\boxed{...}``.
"""

import pytest

from posttrain.errors import InputError
from posttrain.rewards.math import math_score

ROWS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    # a unit may be left out, whatever its power
    ("40", ("40 m", "40m^2", r"40 \text{ m}^2", r"40\ \mathrm{m^{3}}", "40 cm²", "40 square feet"), ("41 m^2", "2")),
    ("40 m^2", ("40", "40 m²", "40 square meters", "40 sq. m", "400000 cm^2"), ("40 m", "40 cm^2", "40 m^3", "80")),
    ("9.8", (r"9.8 \text{ m/s}^2", r"9.8\,\frac{\text{m}}{\text{s}^2}", "9.8 m·s⁻²", "9.8 kg m^2"), ("9.8x", "8.9")),
    ("9.8 m/s^2", ("9.8", "980 cm/s^2"), ("9.8 m/s", "9.8 m^2/s")),
    ("100 km/h", ("100 km per hour", "100 kilometers per hour", "100 kph", "100000 m/h"), ("100 mph", "100 m/s")),
    ("12", ("12 €", "€12", "12 EUR", "$12", "12 apples", "12 kg m^2", "12 units^2"), ("12 dozen", "12 y", "1200")),
    ("40", (r"40^\circ\text{C}", "40 °C", r"40^{\circ}", "40 degrees"), ("40^2", "40i")),
    ("100 °C", ("100 degrees Celsius", "212 °F", "373.15 K", "100"), ("100 °F", "100 K", "99 °C")),
    (r"16\pi", (r"16\pi \text{ cm}^2", r"16 \pi", r"16\pi\text{ m}"), (r"4\pi \text{ cm}^2", r"16\pi^2")),
    (r"2\sqrt{2} \text{ cm}", (r"2\sqrt{2}", r"\sqrt{8} \text{ cm}", r"20\sqrt{2} \text{ mm}"),
     (r"2\sqrt{2} \text{ m}",)),
    # medicines
    ("50 mcg", ("50 µg", "50 μg", r"50 \mu\text{g}", "50 micrograms", "0.05 mg", "50"), ("50 mg", "50 g", "50 ng")),
    ("0.5 mg", ("500 mcg", "0.5 milligrams", ".5 mg", "0.0005 g"), ("5 mg", "0.5 g", "0.5 mL", "50 mcg", "0.5 mg/kg")),
    ("1.5 g", ("1500 mg", "1,500 mg", "1 500 mg", "1.5 grams", "1.5"), ("1.5 mg", "1500", "150 mg", "15 g")),
    ("2.5 mL", ("2.5 ml", "2.5 cc", "2.5 cm^3", "0.0025 L"), ("2.5 mg", "25 mL", "2.5 L", "2.5 mL/h")),
    ("125 mL/h", ("125 mL/hr", "125 ml per hour", "125 milliliters per hour", "0.125 L/h"), ("125 mL/min", "125 mL")),
    ("21 gtt/min", ("21 drops per minute", "21 drops/min", "21"), ("21 mL/min", "21 gtt/h", "21 drops per hour")),
    ("5 mg/kg/day", ("5 mg/kg per day", "5 mg per kg per day", "5 mg/kg daily"),
     ("5 mg/kg", "5 mg/kg/h", "5 g/kg/day")),
    ("5000 IU", ("5,000 IU", "5000 units", "5000 U"), ("5000 mg", "5000 mcg")),
    ("10 units", ("10 units", "10 IU", "10"), ("10 mL", "10 mg", "100 units")),
    ("5.6 mmol/L", ("5.6 mmol per liter", "5600 µmol/L", "5.6 mM"), ("5.6 mol/L", "5.6 mg/L", "5.6 mmol")),
    ("140 mEq/L", ("140 mEq/L", "140 mEq per liter"), ("140 mg/L", "140 mEq")),
    ("2 tablets", ("2", "2 tablets", "2 tabs", "2 pills"), ("2 mg", "2 capsules", "2 mL")),
    ("1 tsp", ("5 mL", "1 teaspoon"), ("1 tbsp", "15 mL", "1 mL")),
    ("250 mg every 8 hours", ("250 mg every 8 hours",), ("250 mg every 6 hours", "25 mg every 8 hours")),
    ("120 mmHg", ("120 mmHg", "120"), ("120 bpm", "120 cm")),
    ("72 bpm", ("72 beats per minute", "72"), ("72 beats per hour", "72 mmHg")),
    # money
    ("50 cents", ("50 cents", "$0.50", "50¢", "0.5 dollars", "€0.50"), ("50 dollars", "$50", "$5")),
    ("$18", ("18", r"\$18", "18 dollars", "$18.00", "USD 18", "US$18", "1800 cents"),
     ("€18", "£18", "18 cents", "$180")),
    ("£5", ("5 pounds", "500 pence", "5"), ("$5", "5 kg", "5 pence", "5 euros")),
    ("5 pounds", ("5 lb", "5 lbs", "80 oz", "£5"), ("5 kg", "$5", "5 ounces")),
    ("₹500", ("Rs. 500", "500 rupees", "INR 500", "500"), ("$500", "500 paise", "Rs 50")),
    ("$5/kg", ("$5 per kg", "5 dollars per kilogram", "5"), ("$5/lb", "€5/kg", "$5/g")),
    # words of scale
    ("2500000", ("2.5 million", "2,500,000", r"2.5 \text{ million}", "25 lakh", "2.5M", "2.5e6"),
     ("2.5 billion", "2.5")),
    ("2.5", ("2.5", "2.50"), ("2.5 million", "2.5 thousand", "2.5k", "2.5 dozen")),
    ("$1.2 billion", ("1,200,000,000", "$1.2B", "$1200 million", "1.2 billion dollars"),
     ("$1.2 million", "1.2 trillion")),
    ("4 thousand", ("4000", "4,000", "4k", "4K", "40 hundred"), ("4", "4 million", "400")),
    ("2", ("2", "2 eggs"), ("2 dozen", "24")),
    ("24", ("2 dozen", "2 dozen eggs", "24 eggs"), ("24 dozen", "2")),
    ("3 crore", ("30,000,000", "3,00,00,000", "300 lakh", "30 million"), ("3 lakh", "3", "3 million")),
    ("300 K", ("300 kelvin", "300K", "300"), ("300 °C", "300 °F")),
    ("5", ("5 K", "5 m", "5 AB"), ("5K", "5M", "5AB", "5k")),
    ("2.5 million people", ("2,500,000 people", "2500 thousand"), ("2.5 people", "25 million")),
    # thousands
    ("12345", ("12,345", "12 345", "12~345", r"12\,345", "12{,}345", "12 345", "12 345", "12'345"),
     ("12 346", "12.345")),
    ("123456", ("1,23,456", "123,456", "123 456"), ("123,457", "1,23,457", "1,23,4567")),
    ("1234567", ("1.234.567", "12,34,567", "1 234 567"), ("1.234.568", "1.234567")),
    ("-1000", ("-1,000", "−1 000", "-$1,000"), ("1,000", "- 100")),
    ("1.2e3", ("1200", r"1.2 \times 10^3", "1.2 × 10³", r"1.2\cdot10^{3}", "1.2*10^3"),
     ("1.2 \\times 10^2", "1.2", "10^3")),
    ("3e8 m/s", (r"3 \times 10^8 \text{ m/s}", "300,000 km/s", "300 000 000"),
     ("3e8 km/s", "3e8 m", "3 \\times 10^9 m/s")),
    ("1e-9", ("0.000000001", "10^{-9}"), ("0", "1e-8", "2e-9")),
    ("101_2", ("5", "101_{2}"), ("101", "101_3")),
    # time
    ("2 hours", ("120 minutes", "2 hrs", "2 h", "2", "1 hour and 60 minutes", "7200 s"),
     ("2 minutes", "2 days", "120")),
    ("90 minutes", ("1.5 hours", "1 hour 30 minutes", "1 h 30 min", "1 1/2 hours"), ("90 hours", "1 hour 20 minutes")),
    ("1 hour 30 minutes", ("90 minutes", "1.5 hours"), ("1 hour", "30 minutes", "1 hour 30 seconds")),
    ("3 weeks", ("21 days", "3"), ("3 days", "3 months", "21 weeks")),
    ("1 year", ("12 months", "365 days", "1"), ("12 days", "1 month", "12")),
    ("2:30 pm", ("2:30 p.m.", "14:30", "2:30", "2:30PM"), ("2:30 am", "2:31 pm", "3:30")),
    ("5 feet 3 inches", ("63 inches", "5 ft 3 in", "5.25 feet"), ("5 feet", "53 inches", "3 inches")),
    # percent
    ("50%", ("50", "0.5", r"50\%", "50 percent", "1/2"), ("5%", "50 mg", "$50", "0.05", "50 hours")),
    ("0.5", ("50%", "1/2"), ("5%", "0.05%")),
    ("12.5 percent", ("12.5%", "12.5", "12.5 per cent", "1/8"), ("125%", "12.5 kg")),
    # ratios, ranges and lists
    ("3:4", ("3:4", "6:8", "3/4"), ("4:3", "3:5")),
    ("5-10 mg", ("5 to 10 mg", "5–10 mg", "5 mg to 10 mg", "between 5 and 10 mg", "5-10"),
     ("5-10 g", "5-11 mg", "5 mg", "6-10 mg")),
    ("18 to 25", ("18-25", "from 18 to 25"), ("18", "25", "18 to 26", "25 to 18")),
    ("4, 6", ("6, 4", "4 and 6", "4,6", "4; 6"), ("4", "46", "4, 7", "4, 6, 8", "4, 4")),
    ("5 mg, 10 mg", ("10 mg and 5 mg", "5 mg, 10 mg"), ("5 g, 10 mg", "5 mg")),
    ("(4, 6)", ("(4,6)",), ("(6, 4)", "(4, 7)")),
    ("98.6 °F", ("37 °C", "98.6"), ("98.6 °C", "37 °F")),
    ("10 mg/dL", ("0.1 g/L", "10"), ("10 mg/L", "10 g/dL")),
    ("0.1 mcg/kg/min", ("6 mcg/kg/h", r"0.1 \mu\text{g}\cdot\text{kg}^{-1}\cdot\text{min}^{-1}"), ("0.1 mg/kg/min",)),
    ("1.5 × 10^{-3} M", ("1.5 mM", "1.5 mmol/L"), ("1.5 M", "1.5 µM")),
    ("120/80 mmHg", ("120/80",), ("120/90", "80/120")),
    ("6 inches", ("6 in", "6 in total", "0.5 ft"), ("6 cm", "6 ft")),
    ("60 mph", ("60 miles per hour", "88 ft/s"), ("60 km/h", "60 miles")),
    ("8 bits", ("1 byte", "8"), ("8 bytes",)),
    ("5 m", ("5 metres", "500 cm"), ("5 min", "5 minutes", "5 million")),
    ("€3m", ("€3,000,000", "3 million euros"), ("€3", "$3 million")),
    # choices
    ("B", ("B", "(B)", "b)", "B) 12", "B. 12", r"\textbf{(B)}\ 12", r"\text{B}"), ("C) 12", "(A)", "12", "D")),
    ("B) 12", ("B", "12", "B. 12"), ("C) 12", "13", "D")),
    ("(a)(a+1)", ("a(a+1)", "a^2+a"), ("(a)(a+2)", "(a+1)", "(a)")),
    ("a_{11}", ("a_{11}",), ("10", "a_{12}", "11")),
    ("12", ("B) 12", "(B) 12"), ("B) 13",)),
)  # fmt: skip
RIGHT = [(target, answer) for target, right, _ in ROWS for answer in right]
WRONG = [(target, answer) for target, _, wrong in ROWS for answer in wrong]


@pytest.mark.parametrize(("target", "answer"), RIGHT)
def test_a_right_answer_gets_one(target: str, answer: str) -> None:
    assert math_score(f"\\boxed{{{answer}}}", target) == 1.0


@pytest.mark.parametrize(("target", "answer"), WRONG)
def test_a_wrong_answer_gets_zero(target: str, answer: str) -> None:
    assert math_score(f"\\boxed{{{answer}}}", target) == 0.0


TEXTS = (
    ("The area is 40 cm^2.", "40", 1.0),
    ("The area is 40 cm^2.", "2", 0.0),
    ("It releases 12 g of CO2.", "12", 1.0),
    ("So the area is $40\\text{ m}^2$.", "40", 1.0),
    ("The answer is 40 m².", "40 cm²", 0.0),
    ("The answer is $2$ minutes.", "2 hours", 0.0),
    ("The answer is Rs. 500.", "500", 1.0),
    ("The answer is 5 sq. ft. in all.", "5 ft^2", 1.0),
    ("So it is 40 m^2.\n#### 40 m^2", "#### 40", 1.0),
    ("She took 1 hour 30 minutes.", "90 minutes", 1.0),
    ("She took 30 minutes.", "30 hours", 0.0),
    ("They sold 2.5 million of them.", "2500000", 1.0),
    ("It costs 12 345 in all.", "12345", 1.0),
    ("\\boxed{4} and \\boxed{6}", "4, 6", 1.0),
    ("$x = \\boxed{4}$, $y = \\boxed{6}$", "4, 6", 1.0),
    ("$\\boxed{4}$ or $\\boxed{6}$.", "4", 0.0),
    ("\\boxed{6}, \\boxed{6}", "6", 1.0),
    ("\\boxed{17}? No: \\boxed{18}", "18", 1.0),
    ("\\boxed{17} and \\boxed{18", "17", 0.0),
    ("\\boxed 25", "25", 1.0),
    ("<think>at first \\boxed{7}</think> The answer is 42.", "42", 1.0),
    ("<think>at first \\boxed{42}</think> The answer is 7.", "42", 0.0),
    ("<think>\\boxed{42}</think>\n", "42", 1.0),
    ("<think>\\boxed{42}</think>", "42", 1.0),
    ("<think>\n6 * 7 is \\boxed{42}, or", "42", 0.0),  # cut while it reasons
    ("The answer is \\boxed{4", "4", 0.0),  # cut in its box
    ("6 * 7 makes 4", "4", 1.0),  # cut in its number: the text alone does not show it
    ("It is 42 <think>", "42", 1.0),
    ("<think>6 * 7</think>\n<answer>42</answer>", "42", 1.0),
    ("<think>x</think><answer>x+1</answer>", "1+x", 1.0),
    ("It is \\$3{,}000{,}000.", "$3 million", 1.0),
    ("It is $1\\frac34$.", "1.75", 1.0),
    ("The answer is **18**.", "18", 1.0),
    ("The answer is (B).", "B", 1.0),
    ("The options:\nA) 10\nAnswer: B) 12", "B", 1.0),
)


@pytest.mark.parametrize(("text", "target", "score"), TEXTS)
def test_the_answer_is_found_in_a_text(text: str, target: str, score: float) -> None:
    assert math_score(text, target) == score


@pytest.mark.parametrize("target", ["", " ", "$$", float("nan"), "9" * 400])
def test_a_target_that_no_answer_can_equal_is_a_failure(target: object) -> None:
    with pytest.raises(InputError, match="neither a number nor a formula"):
        math_score("#### 18", target)


@pytest.mark.parametrize(
    "hostile",
    [
        "12," * 50_000,
        "1.123" + ".123" * 50_000,
        "123 " * 50_000,
        "\\boxed{" * 20_000,
        "$" * 100_000,
        "1 hour " * 20_000,
    ],
)
def test_a_long_text_is_read_in_bounded_time(hostile: str) -> None:
    assert math_score(hostile, "18") == 0.0
