"""The simulated body: worlds, scripted expert, ground truth, and the nodes that offer them on a real robot's topics."""
