"""The only package that runs the network. What is where, from a name to a reply:

checkpoints  weights  download       a name -> a folder on this machine; what is in it; how it gets there
loading  placement  skeleton         a folder -> a model in memory, and where its weights go
layout  pixels  tokens               an image -> patches; a query -> token ids
scorer                               the Scorer: order of things, one place for each image in work
reference                            the published usage, which everything is held to
forward                              the seam: three passes, and the plain ones
fast  trust                          the fast passes, and whether they are believed on this machine
  vision  text  attention  projections    the towers on joined weights
  fused  kernels                          norms, rotary and SwiGLU, in torch and in Triton
  decode  decode_fused  decode_kernels    one token after the other
  graphs                                  passes recorded once and replayed
selftest  faults  memory  threads    a known match; torch's errors; gauges; cores
"""
