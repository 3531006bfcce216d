"""The list of all checks on single rows. To add a check, write it in a module of this folder and list its `CHECKS`."""

from posttrain.audit.checks import arithmetic_check, boilerplate, layout, personal_check, sides, text
from posttrain.audit.checks.row_check import RowCheck

ROW_CHECKS: tuple[RowCheck, ...] = (
    *text.CHECKS,
    *layout.CHECKS,
    *boilerplate.CHECKS,
    *arithmetic_check.CHECKS,
    *personal_check.CHECKS,
    *sides.CHECKS,
)
