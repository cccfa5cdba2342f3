"""Virtual cars: a car's physics, a driver and a scenario, spoken in the maker's own frames.

``Twin`` puts them together. The physics knows no wire and the wire no physics: ``Body`` moves, ``signals`` says what
its state is in the standard, the emitter makes the car's frames of that from the car's description.
"""
