"""From rewards to advantages, pure."""
