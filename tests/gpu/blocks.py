"""How long the parts of a ViT block take on one GPU: the rows against which the time model is held.

    python3 tests/gpu/blocks.py OUT [blocks|gemms|attention|elements ...]

Writes `OUT/blocks.csv`, one row a measurement, and prints how many. Each operation is timed alone and the whole block
with them, forward (`infer`) and forward with backward (`train`), by PyTorch in bf16. A figure is the median of five
turns by CUDA events; a turn replays a CUDA graph of several launches, so it holds no launch latency of the host,
except in rows of mode `eager`, where the host queues every kernel. Inputs of single operations rotate through more
than twice the L2 cache.
"""

import csv
import math
import os
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

OUT = sys.argv[1]
DEADLINE = time.monotonic() + float(os.environ.get("SOVIT_GPU_SECONDS", "150"))
FIELDS = ["part", "mode", "library", "rows", "out", "in", "batch", "tokens", "heads", "head", "width", "mlp", "seconds"]
torch.manual_seed(1)
device, bf16 = torch.device("cuda"), torch.bfloat16
CACHE = torch.cuda.get_device_properties(0).L2_cache_size
rows, failed = [], []


def graph_of(call, launches):
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for i in range(3):
            call(i)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for i in range(launches):
            call(i)
    return graph.replay


def seconds(call, launches, turns=5):
    """Median seconds of one launch: `call()` makes `launches` of them."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    call()
    times = []
    for _ in range(turns):
        begin.record()
        call()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1e3 / launches)
    return statistics.median(times)


def record(part, mode, library, call, work, **size):
    """Times `call(i)`; `work` is a guess of its FLOPs, from which the number of launches follows."""
    if time.monotonic() > DEADLINE:
        failed.append(f"{part} {mode} {library} {size}: out of time")
        return
    launches = max(3, min(60, int(2e12 / max(work, 1))))
    try:
        if mode == "eager":
            for i in range(3):
                call(i)
            took = seconds(lambda: [call(i) for i in range(launches)], launches)
        else:
            took = seconds(graph_of(call, launches), launches)
    except Exception as error:
        failed.append(f"{part} {mode} {library} {size}: {str(error).splitlines()[0][:100]}")
        torch.cuda.synchronize()
        return
    rows.append({"part": part, "mode": mode, "library": library, **size, "seconds": f"{took:.4e}"})


def sets(bytes_each):
    return max(2, min(32, math.ceil(2 * CACHE / bytes_each)))


class Block(torch.nn.Module):
    def __init__(self, width, mlp, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = (torch.nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.qkv, self.proj = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.fc1, self.fc2 = torch.nn.Linear(width, mlp), torch.nn.Linear(mlp, width)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x)), approximate="tanh"))


SHAPES = [(384, 1536, 6), (768, 3072, 12), (880, 2320, 16), (896, 2304, 14), (1024, 4096, 16), (1152, 4304, 16),
          (1152, 4352, 16), (1152, 4304, 18), (1408, 6144, 16), (1664, 8192, 16), (2048, 8192, 16), (3200, 12800, 50)]
POINTS = [(256, 1), (196, 8), (256, 8), (257, 8), (256, 64), (197, 64), (729, 16), (1024, 16)]


def blocks():
    """Whole blocks: the sum that the model has to reach."""
    for width, mlp, heads in SHAPES:
        for tokens, batch in POINTS:
            size = dict(batch=batch, tokens=tokens, heads=heads, head=width // heads, width=width, mlp=mlp)
            work = batch * tokens * (2 * (4 * width * width + 2 * width * mlp) + 4 * tokens * width)
            block = Block(width, mlp, heads).to(device, bf16)
            chain = [block] + [Block(width, mlp, heads).to(device, bf16) for _ in range(3)]
            x = torch.randn(batch, tokens, width, device=device, dtype=bf16)
            with torch.inference_mode():
                record("block", "infer", "torch", lambda i: chain[i % 4](x), work, **size)
            if batch > 1:
                def step(i):
                    leaf.grad = None
                    chain[i % 4].zero_grad()
                    chain[i % 4](leaf).backward(grad)
                leaf = x.clone().requires_grad_()
                grad = torch.randn_like(x)
                record("block", "train", "torch", step, 3 * work, **size)
            if (tokens, batch) in ((256, 1), (256, 8)):
                with torch.inference_mode():
                    record("block", "eager", "torch", lambda i: chain[i % 4](x), work, **size)
            del chain, block, x


def gemms():
    """Products with bias at the sizes of the blocks, and rows beside the edges of tiles and waves."""
    sizes = set()
    for width, mlp, heads in SHAPES:
        for tokens, batch in ((256, 1), (256, 8), (256, 64), (729, 16)):
            for n, k in ((3 * width, width), (width, width), (mlp, width), (width, mlp)):
                sizes.add((tokens * batch, n, k))
    for m in (1, 64, 128, 129, 512, 1024, 1025, 1280, 1536, 1664, 1792, 2049, 3072, 3200, 4096, 4224, 5120, 6272, 8448):
        sizes.add((m, 1152, 1152))
        sizes.add((m, 4304, 1152))
    for odd in (1144, 1148, 1150, 1151, 1156, 1160):
        sizes |= {(4096, odd, 1152), (4096, 1152, odd)}
    for m, n, k in sorted(sizes):
        count = sets(2 * (m * k + n * k + m * n))
        a = torch.randn(count, m, k, device=device, dtype=bf16)
        w = torch.randn(count, n, k, device=device, dtype=bf16)
        b = torch.randn(n, device=device, dtype=bf16)
        with torch.inference_mode():
            record("gemm", "infer", "cublas", lambda i: F.linear(a[i % count], w[i % count], b), 2 * m * n * k,
                   **{"rows": m, "out": n, "in": k})


def attention():
    """Scaled dot products by backend, head size and tokens."""
    backends = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}
    for head in (32, 48, 55, 64, 72, 80, 88, 96, 104, 112, 128):
        for tokens, batch in ((196, 64), (256, 1), (256, 8), (256, 64), (257, 64), (577, 16), (729, 16), (1024, 16), (4096, 2)):
            heads = 16
            qkv = torch.randn(2, 3, batch, tokens, heads, head, device=device, dtype=bf16)
            size = dict(batch=batch, tokens=tokens, heads=heads, head=head)
            work = 4 * batch * heads * tokens * tokens * head
            for name, backend in backends.items():
                def run(i):
                    q, k, v = (t.transpose(1, 2) for t in qkv[i % 2])
                    with sdpa_kernel(backend):
                        return F.scaled_dot_product_attention(q, k, v)
                with torch.inference_mode():
                    record("attention", "infer", name, run, work, **size)
                if batch >= 8 and head in (64, 72, 96, 128):
                    leaf = qkv[0].clone().requires_grad_()
                    grad = torch.randn(batch, heads, tokens, head, device=device, dtype=bf16)
                    def step(i):
                        leaf.grad = None
                        q, k, v = (t.transpose(1, 2) for t in leaf)
                        with sdpa_kernel(backend):
                            F.scaled_dot_product_attention(q, k, v).backward(grad)
                    record("attention", "train", name, step, 3.5 * work, **size)


def elements():
    """What only moves bytes: norms, activations, sums."""
    for width in (384, 768, 1152, 1664, 4304, 8192):
        for count in (256, 2048, 16384):
            n = sets(4 * width * count)
            x, y = torch.randn(2, n, count, width, device=device, dtype=bf16)
            w = torch.ones(width, device=device, dtype=bf16)
            size = {"rows": count, "width": width}
            calls = {"layernorm": lambda i: F.layer_norm(x[i % n], (width,), w, w), "gelu": lambda i: F.gelu(x[i % n]),
                     "add": lambda i: x[i % n] + y[i % n]}
            with torch.inference_mode():
                for part, call in calls.items():
                    record(part, "infer", "torch", call, width * count * 1000, **size)


parts = {"elements": elements, "blocks": blocks, "gemms": gemms, "attention": attention}
for part in [parts[name] for name in sys.argv[2:]] or parts.values():
    try:
        part()
    except Exception as error:
        failed.append(f"{part.__name__}: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
    torch.cuda.empty_cache()
path = os.path.join(OUT, "blocks.csv")
with open(path + ".part", "w", newline="") as file:
    print(f"# {torch.cuda.get_device_name(0)}, torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()},"
          f" {time.strftime('%Y-%m-%d')}", file=file)
    table = csv.DictWriter(file, FIELDS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
os.replace(path + ".part", path)
print(f"blocks: {len(rows)} rows measured")
for line in failed:
    print(f"SKIPPED {line}")
