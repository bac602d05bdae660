"""How often the diagnosis is right: trainings with one planted fault each, and healthy ones."""
