"""How workers tell each other what happened: change events now, messages between workers later."""
