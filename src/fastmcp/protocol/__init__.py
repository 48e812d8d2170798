"""The Model Context Protocol as pure rules: no socket, no clock, no task.

Everything here is a value or a function of values, so that both sides, every transport and
every test decide the same way. What is legal is a table (`methods`), what arrived is decided
once (`classify`), and the era of a request is data from then on.
"""
