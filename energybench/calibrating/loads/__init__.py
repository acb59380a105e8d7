"""Known loads: a square wave on every core, or on one GPU, by child processes that report when the
load really began and ended.

wave     times at which the load is to be on
child    the measuring side: starts a load and talks to its process
serving  the load's side of that conversation
cpu      spins on the cores
cuda     runs an arithmetic kernel on one GPU
board_clock   times of that kernel on the board's clock, as times of the host
"""
