"""What the policy writes, scored and credited: the source of groups of on-policy stages."""
