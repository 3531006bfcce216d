"""Converts configurations of TRL, LLaMA-Factory and Axolotl to recipes. Tables of keys decide, one for each tool."""
