"""The published language of SkillScoop's services, and the transport that carries it."""
