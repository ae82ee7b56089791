"""Studies for other tools, from records alone: tables, TensorBoard, MLflow, Weights & Biases."""
