"""Trains the shipped ELMo model: text preparation, biLM, export."""
