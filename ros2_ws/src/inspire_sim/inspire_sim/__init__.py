"""The simulated body: worlds, scripted expert, ground truth and the nodes that offer them on the topics of a real robot."""
