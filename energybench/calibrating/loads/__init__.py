"""Known loads: a square wave on every core, or on one GPU, by children of their own that say when
they really began and ended.

wave     when to be on and off        child    starts one of the two below and talks to it (serving:
         their side)
cpu      spins on the cores           cuda     runs an arithmetic kernel on one GPU
"""
