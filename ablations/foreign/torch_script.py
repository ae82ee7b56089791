"""A small convolutional network on scikit-learn's digits, a script of torch and torchvision: arguments in, a line of JSON out."""

import argparse
import json

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.ops import Conv2dNormActivation

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--batch-norm", choices=("true", "false"), default="true")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)

digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
train, test = TensorDataset(images[:1200], labels[:1200]), (images[1200:], labels[1200:])

norm = nn.BatchNorm2d if args.batch_norm == "true" else None
model = nn.Sequential(
    Conv2dNormActivation(1, 16, norm_layer=norm),
    Conv2dNormActivation(16, 32, stride=2, norm_layer=norm),
    nn.Flatten(),
    nn.Linear(32 * 4 * 4, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
for epoch in range(args.epochs):
    model.train()
    total = 0.0
    for inputs, targets in DataLoader(train, batch_size=64, shuffle=True):
        loss = nn.functional.cross_entropy(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(inputs)
    print(json.dumps({"epoch": epoch + 1, "train_loss": total / len(train)}), flush=True)
model.eval()
with torch.inference_mode():
    wrong = (model(test[0]).argmax(1) != test[1]).nonzero().flatten().tolist()
print(json.dumps({"test_error": len(wrong) / len(test[1]), "wrong": wrong, "images": len(test[1])}))
