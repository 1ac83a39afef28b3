"""How well an attack did: intervals, image similarity, identity evaluators."""
