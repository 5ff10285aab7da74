"""The only package that runs the network. What is where, from a name to a reply:

checkpoints  weights  download       a name -> a folder on this machine; what is in it; how it gets there
families                             what a family of models must bring; each has a folder here
loading  placement  skeleton         a folder -> a model in memory, and where its weights go
layout  pixels  tokens               an image -> patches; a query -> token ids
scorer                               the Scorer: order of things, several images in work
reference                            the published usage, which everything is held to
forward  plain                       the seam: three passes; and those of transformers
fast  positions  text                the fast passes: packed rows, kept prefixes, key-value cache
  projections  attention             joined matrices; attention over packed sequences
  elementwise  elementwise_triton    norms, rotary positions and SwiGLU, in torch and in Triton
  decode  decode_fused  decode_triton    one token after the other
  graphs                             passes recorded once and replayed
parity_check                         fast beside plain on this machine, before it is used
selftest  faults  memory  threads    a known match; torch's errors; gauges; cores
"""
