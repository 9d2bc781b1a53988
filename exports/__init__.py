"""How a model ships: quantization, TF.js files, manifest, verification, stores."""
