"""What Wav2Lip costs on this machine: its true architecture (Rudrabha/Wav2Lip, models/wav2lip.py) in torch with random
weights (the published ones are for research and in no package registry), the network alone: no face detector, no pasting back,
no encoder. Prints one line of JSON.

usage: portrait_wav2lip.py [BATCHES]
"""
import json, resource, statistics, sys, time

import torch
from torch import nn

torch.set_num_threads(2)


class Conv(nn.Module):
    def __init__(self, into, out, kernel, stride, padding, residual=False):
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(into, out, kernel, stride, padding), nn.BatchNorm2d(out))
        self.residual = residual

    def forward(self, x):
        y = self.block(x)
        return torch.relu(y + x if self.residual else y)


class Up(nn.Module):
    def __init__(self, into, out, stride, padding, extra):
        super().__init__()
        self.block = nn.Sequential(nn.ConvTranspose2d(into, out, 3, stride, padding, extra), nn.BatchNorm2d(out), nn.ReLU())

    def forward(self, x):
        return self.block(x)


def same(width, count):
    return [Conv(width, width, 3, 1, 1, residual=True) for _ in range(count)]


class Wav2Lip(nn.Module):
    def __init__(self):
        super().__init__()
        stack = nn.Sequential
        self.face = nn.ModuleList([
            stack(Conv(6, 16, 7, 1, 3)), stack(Conv(16, 32, 3, 2, 1), *same(32, 2)), stack(Conv(32, 64, 3, 2, 1), *same(64, 3)),
            stack(Conv(64, 128, 3, 2, 1), *same(128, 2)), stack(Conv(128, 256, 3, 2, 1), *same(256, 2)),
            stack(Conv(256, 512, 3, 2, 1), *same(512, 1)), stack(Conv(512, 512, 3, 1, 0), Conv(512, 512, 1, 1, 0))])
        self.sound = stack(
            Conv(1, 32, 3, 1, 1), *same(32, 2), Conv(32, 64, 3, (3, 1), 1), *same(64, 2), Conv(64, 128, 3, 3, 1), *same(128, 2),
            Conv(128, 256, 3, (3, 2), 1), *same(256, 1), Conv(256, 512, 3, 1, 0), Conv(512, 512, 1, 1, 0))
        self.draw = nn.ModuleList([
            stack(Conv(512, 512, 1, 1, 0)), stack(Up(1024, 512, 1, 0, 0), *same(512, 1)), stack(Up(1024, 512, 2, 1, 1), *same(512, 2)),
            stack(Up(768, 384, 2, 1, 1), *same(384, 2)), stack(Up(512, 256, 2, 1, 1), *same(256, 2)),
            stack(Up(320, 128, 2, 1, 1), *same(128, 2)), stack(Up(160, 64, 2, 1, 1), *same(64, 2))])
        self.out = stack(Conv(80, 32, 3, 1, 1), nn.Conv2d(32, 3, 1), nn.Sigmoid())

    def forward(self, sound, face):
        seen = []
        for block in self.face:
            face = block(face)
            seen.append(face)
        x = self.sound(sound)
        for block in self.draw:
            x = torch.cat((block(x), seen.pop()), 1)
        return self.out(x)


BATCH = 16
network = Wav2Lip().eval()
sound, face = torch.zeros(BATCH, 1, 80, 16), torch.rand(BATCH, 6, 96, 96)
took = []
with torch.inference_mode():
    assert network(sound, face).shape == (BATCH, 3, 96, 96)
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
        start = time.perf_counter()
        network(sound, face)
        took.append(time.perf_counter() - start)
print(json.dumps({"frames_per_s": round(BATCH / statistics.median(took), 2), "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                  "parameters": sum(p.numel() for p in network.parameters()), "torch": torch.__version__}))
