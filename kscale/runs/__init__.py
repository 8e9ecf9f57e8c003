"""One run from a config to rows, and what one does with a finished run.

task, order, mixture: what a config describes, and which document is read when
devices, training, finetune: training on what there is, from scratch or from a run
evaluate, curve, rows: what a model knows, at the end and on the way, as result rows
board: the same in TensorBoard
folder: every file of a run
score, quantize, ablation, inspect: a finished run, opened again
experiment, sweeps, launch: many runs
"""
