"""Images as tensors: data sets, splits, augmentation."""
