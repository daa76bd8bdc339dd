"""The published language of SkillScoop's services, and the post that carries it."""
