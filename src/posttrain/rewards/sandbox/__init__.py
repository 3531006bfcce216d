"""Model-written code, apart from its tests."""
