"""What every SkillScoop service's process needs: settings, database, HTTP, identity, health."""
