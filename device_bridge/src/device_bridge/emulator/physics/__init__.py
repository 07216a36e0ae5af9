"""The physics of a bowling shot in plain Python: ball, lane, motion, pins, lamps, and the parts that measure it.

Space: x down the lane from the foul line, y to the bowler's left, z up; z is 0 on the lane. SI units inside.
Only additions, multiplications, divisions and square roots of IEEE 754 decide a number here, so that one seed gives the
same counts on every platform and Python: no libm function (their last bits differ), no `sum` of floats (3.12 changed
it), and turns by `sin_cos` of our own.
"""
