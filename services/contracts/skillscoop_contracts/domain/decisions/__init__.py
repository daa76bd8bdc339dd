"""What each move does, once the transition table has let it through: facts, or a refusal that needs its arguments."""
