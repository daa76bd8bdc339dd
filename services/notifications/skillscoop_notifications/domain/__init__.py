"""Pure rules of notice template people: what is said to whom, in which words, and in which order it is shown."""
