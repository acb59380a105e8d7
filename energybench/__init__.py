"""energybench: energy-to-solution of the same work on two nodes, with its uncertainty, projected to
MWh, money and carbon.
"""

__version__ = "0.1.0"
