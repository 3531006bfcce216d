"""The template arguments of a suite, checked against the chat template of the model that it measures."""

from posttrain.data.chat.renderer import Renderer
from posttrain.data.chat.template_arguments import check_arguments
from posttrain.evaluate.options import SuiteOptions


def check_suite_arguments(renderer: Renderer, options: SuiteOptions, where: str = "template_arguments") -> None:
    """Refuse template arguments of a suite that would do nothing.

    Args:
        where: their key path, for the error.

    Raises:
        InputError: the template does not read one of them.
    """
    if options.template_arguments:
        source = "" if renderer.template is None else renderer.template.source
        check_arguments(source, options.template_arguments, where)
