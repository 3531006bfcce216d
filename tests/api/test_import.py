"""`import posttrain`: light, complete, and the same names whatever is imported besides."""

import inspect
import subprocess
import sys

import posttrain as pt

HEAVY = ("torch", "transformers", "pydantic", "rich", "numpy")


def in_a_fresh_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_import_loads_nothing_heavy() -> None:
    code = f"import sys, posttrain; dir(posttrain); print([name for name in {HEAVY} if name in sys.modules])"
    assert in_a_fresh_process(code) == "[]"


def test_an_error_type_is_used_without_loading_torch() -> None:
    code = "import sys, posttrain as pt; pt.InputError, pt.RunError; print('torch' in sys.modules)"
    assert in_a_fresh_process(code) == "False"


def test_the_options_of_a_recipe_do_not_load_torch_through_objectives() -> None:
    code = "import sys, posttrain.objectives.options, posttrain as pt; pt.objectives; print('torch' in sys.modules)"
    assert in_a_fresh_process(code) == "False"


def test_every_public_name_is_there() -> None:
    assert [name for name in pt.__all__ if getattr(pt, name, None) is None] == []
    assert set(pt.__all__) <= set(dir(pt))
    assert [name for name in pt.objectives.__all__ if getattr(pt.objectives, name, None) is None] == []


def test_type_checkers_see_the_names_that_are_there() -> None:
    source = inspect.getsource(pt)
    block = source[source.index("if TYPE_CHECKING:") : source.index("__version__")]
    imported = {
        word.strip()
        for line in block.splitlines()
        if " import " in line
        for word in line.split(" import ")[1].split(",")
    }
    assert imported - {"Signature"} == set(pt.__all__)


def test_a_function_stays_callable_when_the_subpackage_of_its_name_is_imported() -> None:
    code = (
        "import posttrain.audit.run as module, posttrain as pt, inspect;"
        "assert module.AuditReport.__name__ == 'AuditReport' and pt.audit.run is module;"
        "print('against' in inspect.signature(pt.audit).parameters, 'trained on it' in pt.audit.__doc__);"
        "\ntry: pt.audit([])\nexcept pt.InputError as error: print(error)"
    )
    first, second = in_a_fresh_process(code).splitlines()
    assert first == "True True"
    assert second.startswith("audit: ")


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(pt, "nothing")
    assert not hasattr(pt.objectives, "nothing")
