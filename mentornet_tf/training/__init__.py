"""Training students: the models, their steps, the loop and its actions."""
