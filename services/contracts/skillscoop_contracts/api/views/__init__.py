"""How the domain's values become answers, and what each reader sees of them; one file per noun."""
