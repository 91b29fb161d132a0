"""Our kernels beside PyTorch, torch.compile and Triton on one GPU, and what that GPU gives to GEMMs and attention.

    python3 tests/gpu/peers.py CUBINS OUT

CUBINS holds `launches.json` and the CUBINs that `gpu-checks` left. Writes `OUT/gpu.json` and prints a table.
Contestants of one size take turns; a figure is the median of their turns. Inputs rotate through more memory than the
L2 cache holds. Times are by CUDA events around graphs of many launches, so they hold no launch latency of the host.
"""

import datetime
import importlib
import json
import math
import os
import statistics
import sys
import time

import torch
import torch.nn.functional as F

CUBINS, OUT = sys.argv[1], sys.argv[2]
DEADLINE = time.monotonic() + float(os.environ.get("SOVIT_GPU_SECONDS", "200"))
torch.manual_seed(1)
device = torch.device("cuda")
torch.backends.cuda.matmul.allow_tf32 = False
bf16 = torch.bfloat16
report = {"skipped": []}


def optional(name):
    try:
        return importlib.import_module(name)
    except Exception as error:  # An absent library is named, whatever way it is absent.
        report["skipped"].append(f"{name}: {error}")
        return None


triton = optional("triton")
cupy = optional("cupy")


if triton:
    tl = importlib.import_module("triton.language")

    @triton.jit
    def triton_layernorm(x, r, w, b, s, y, width, block: tl.constexpr):
        row = tl.program_id(0).to(tl.int64)
        columns = tl.arange(0, block)
        mask = columns < width
        at = row * width + columns
        v = tl.load(x + at, mask, 0.0).to(tl.float32) + tl.load(r + at, mask, 0.0).to(tl.float32)
        v = v.to(tl.bfloat16)
        tl.store(s + at, v, mask)
        v = v.to(tl.float32)
        mean = tl.sum(v, 0) / width
        d = tl.where(mask, v - mean, 0.0)
        scale = 1 / tl.sqrt(tl.sum(d * d, 0) / width + 1e-6)
        out = d * scale * tl.load(w + columns, mask, 0.0) + tl.load(b + columns, mask, 0.0)
        tl.store(y + at, out.to(tl.bfloat16), mask)


def late():
    return time.monotonic() > DEADLINE


def rounds(contestants, launches, turns=7):
    """Median seconds of one call of each contestant, turn by turn; None for one that fails."""
    live, times = {}, {name: [] for name in contestants}
    for name, call in contestants.items():
        try:
            for i in range(3):
                call(i)
            torch.cuda.synchronize()
            live[name] = call
        except Exception as error:
            torch.cuda.synchronize()
            report["skipped"].append(f"{name}: {str(error).splitlines()[0][:120]}")
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for _ in range(turns):
        for name, call in live.items():
            begin.record()
            for i in range(launches):
                call(i)
            end.record()
            end.synchronize()
            times[name].append(begin.elapsed_time(end) / 1e3 / launches)
    return {name: (statistics.median(list_) if list_ else None) for name, list_ in times.items()}


def graphed(call, launches):
    """A CUDA graph of many calls, as a call."""
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
    return lambda i: graph.replay()


def queued(contestants, launches):
    """As `rounds`, each contestant's launches in one graph, so that none waits for the host."""
    graphs = {}
    for name, call in contestants.items():
        try:
            graphs[name] = graphed(call, launches)
        except Exception as error:
            report["skipped"].append(f"graph of {name}: {str(error).splitlines()[0][:100]}")
    return {name: t / launches if t else None for name, t in rounds(graphs, 1).items()}


def copies(bytes_each):
    """How many input sets exceed four times the L2 cache."""
    cache = torch.cuda.get_device_properties(0).L2_cache_size
    return max(2, math.ceil(4 * cache / bytes_each))


def ceilings():
    """The largest copy and GEMM that anything here could reach."""
    size = 1 << 30
    a, b = torch.empty(2, size, dtype=torch.uint8, device=device).random_(0, 255)
    copied = rounds({"copy": lambda i: b.copy_(a)}, 8)["copy"]
    n = 8192
    x, y = torch.randn(2, n, n, device=device, dtype=bf16)
    product = rounds({"gemm": lambda i: torch.mm(x, y)}, 8)["gemm"]
    report["ceilings"] = {"copy_bytes_per_s": 2 * size / copied, "bf16_flop_per_s": 2 * n**3 / product}


def layernorm():
    """Residual add and layer norm, one read and one write of two streams: bytes a second."""
    if cupy is None:
        return
    launches = json.load(open(os.path.join(CUBINS, "launches.json")))
    entries = []

    def eager(x, r, w, b):
        s = x + r
        return s, F.layer_norm(s, s.shape[-1:], w, b, 1e-6)

    for launch in launches:
        width = launch["width"]
        module = cupy.RawModule(path=os.path.join(CUBINS, launch["file"]))
        ours = module.get_function(launch["entry"])
        for rows in (256, 16384):
            if late():
                report["skipped"].append(f"layernorm {width} x {rows}: out of time")
                continue
            bytes_each = 8 * width * rows
            n = min(copies(bytes_each), 64)
            x, r, s, y = torch.randn(4, n, rows, width, device=device, dtype=bf16)
            w = torch.randn(width, device=device)
            b = torch.randn(width, device=device)
            wh, bh = w.to(bf16), b.to(bf16)
            blocks = -(-rows // launch["rows_per_block"])

            def run_ours(i):
                k = i % n
                pointers = [t[k].data_ptr() for t in (x, r)] + [w.data_ptr(), b.data_ptr()]
                pointers += [t[k].data_ptr() for t in (s, y)]
                arguments = (*[cupy.uint64(p) for p in pointers], cupy.uint32(rows))
                # The stream of the moment: a capture has one of its own.
                with cupy.cuda.Stream.from_external(torch.cuda.current_stream()):
                    ours((blocks,), (launch["threads"],), arguments, shared_mem=launch["shared_bytes"])

            def run_triton(i):
                k = i % n
                block = triton.next_power_of_2(width)
                warps = 4 if block <= 2048 else 8
                triton_layernorm[(rows,)](x[k], r[k], w, b, s[k], y[k], width, block, num_warps=warps)

            compiled = torch.compile(eager, dynamic=False)
            contestants = {
                "sovit": run_ours,
                "torch": lambda i: eager(x[i % n], r[i % n], wh, bh),
                "torch.compile": lambda i: compiled(x[i % n], r[i % n], wh, bh),
            }
            if triton:
                contestants["triton"] = run_triton
            times = queued(contestants, 200 if rows <= 1024 else 40)
            # The same answers, before anything is said of speed.
            y.zero_()
            run_ours(0)
            torch.cuda.synchronize()
            expected = F.layer_norm((x[0] + r[0]).double(), (width,), w.double(), b.double(), 1e-6)
            error = ((y[0].double() - expected).norm() / expected.norm()).item()
            assert error < 4e-3, f"layernorm {width} x {rows}: relative error {error}"
            entries.append({"width": width, "rows": rows, "bytes": bytes_each, "seconds": times, "error": error})
            del x, r, s, y
            torch.cuda.empty_cache()
    report["layernorm"] = entries


MODELS = {
    "so400m/14": dict(width=1152, depth=27, mlp=4304, heads=16),
    "vit_b": dict(width=768, depth=12, mlp=3072, heads=12),
    "vit_l": dict(width=1024, depth=24, mlp=4096, heads=16),
    "vit_g": dict(width=1664, depth=48, mlp=8192, heads=16),
}
SIZES = [("so400m/14", 256, 1), ("so400m/14", 256, 8), ("so400m/14", 256, 64), ("so400m/14", 729, 16),
         ("vit_b", 196, 64), ("vit_l", 256, 64), ("vit_g", 256, 32)]


def gemms():
    """The four products of a block and the patch embedding, by cuBLASLt: FLOP a second."""
    entries = []

    def measure(name, m, n, k, act=None):
        if late():
            report["skipped"].append(f"gemm {name}: out of time")
            return
        sets = copies(2 * (m * k + n * k + m * n))
        sets = min(sets, 16)
        a = torch.randn(sets, m, k, device=device, dtype=bf16)
        w = torch.randn(n, k, device=device, dtype=bf16) / math.sqrt(k)
        b = torch.randn(n, device=device, dtype=bf16)
        contestants = {"bias": lambda i: F.linear(a[i % sets], w, b)}
        if act:
            tanh = lambda i: torch._addmm_activation(b, a[i % sets], w.t(), use_gelu=True)
            contestants |= {"bias, then gelu": lambda i: F.gelu(F.linear(a[i % sets], w, b), approximate="tanh"),
                            "bias and gelu": tanh}
        flop = 2 * m * n * k
        times = queued(contestants, max(8, min(200, int(1e13 / flop))))
        entries.append({"name": name, "m": m, "n": n, "k": k, "flop": flop, "seconds": times})

    for model, tokens, batch in SIZES:
        shape = MODELS[model]
        m, d, mlp = tokens * batch, shape["width"], shape["mlp"]
        tag = f"{model} {batch} x {tokens}"
        measure(f"{tag} qkv", m, 3 * d, d)
        measure(f"{tag} proj", m, d, d)
        measure(f"{tag} fc1", m, mlp, d, act=True)
        measure(f"{tag} fc2", m, d, mlp)
    for k in (588, 592):
        measure(f"patch embedding, rows of {k}", 64 * 256, 1152, k)
    report["gemm"] = entries


def attention():
    """Scaled dot products by backend: FLOP a second, counted by the head's own size."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    entries = []
    backends = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION,
                "efficient": SDPBackend.EFFICIENT_ATTENTION}
    for model, tokens, batch in SIZES:
        if late():
            report["skipped"].append(f"attention {model}: out of time")
            continue
        shape = MODELS[model]
        heads, head = shape["heads"], shape["width"] // shape["heads"]
        sets = min(copies(8 * batch * tokens * shape["width"]), 16)
        qkv = torch.randn(sets, 3, batch, tokens, heads, head, device=device, dtype=bf16)

        def run(backend, i, pad=0):
            q, k, v = (t.transpose(1, 2) for t in qkv[i % sets])
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(q, k, v)

        contestants = {name: (lambda i, b=backend: run(b, i)) for name, backend in backends.items()}
        flop = 4 * batch * heads * tokens * tokens * head
        times = queued(contestants, 40)
        entries.append({"model": model, "tokens": tokens, "batch": batch, "heads": heads, "head": head,
                        "flop": flop, "seconds": times})
    report["attention"] = entries


class Block(torch.nn.Module):
    """A pre-norm block of the usual kind."""

    def __init__(self, width, mlp, heads, **_):
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


def encoders():
    """All blocks of an encoder, as one batch after another: images a second."""
    entries = []
    for model, tokens, batch in SIZES:
        if late():
            report["skipped"].append(f"encoder {model} {batch} x {tokens}: out of time")
            continue
        shape = MODELS[model]
        depth, width, mlp = shape["depth"], shape["width"], shape["mlp"]
        with torch.inference_mode():
            plain, blocks = (torch.nn.Sequential(*[Block(**shape) for _ in range(depth)]).to(device, bf16).eval()
                             for _ in range(2))
            # Blocks are alike: what is compiled for the first serves all.
            for block in blocks:
                block.compile(dynamic=False)
            x = torch.randn(batch, tokens, width, device=device, dtype=bf16)
            contestants = {"eager": lambda i: plain(x), "compiled": lambda i: blocks(x)}
            graph_of = {}
            for name, call in list(contestants.items()):
                try:
                    call(0)
                    call(0)
                    torch.cuda.synchronize()
                    graph = torch.cuda.CUDAGraph()
                    with torch.cuda.graph(graph):
                        call(0)
                    graph_of[f"{name}, graph"] = lambda i, graph=graph: graph.replay()
                except Exception as error:
                    report["skipped"].append(f"encoder {model} {name}: {str(error).splitlines()[0][:100]}")
            times = rounds(contestants | graph_of, 3, 5)
        matmul = 2 * tokens * depth * (4 * width * width + 2 * width * mlp) + 4 * depth * tokens * tokens * width
        entries.append({"model": model, "tokens": tokens, "batch": batch, "flop": matmul * batch, "seconds": times})
        torch.cuda.empty_cache()
        torch._dynamo.reset()
    report["encoder"] = entries


def machine():
    properties = torch.cuda.get_device_properties(0)
    try:
        import subprocess

        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        driver = subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0]
    except Exception:
        driver = None
    report["machine"] = {
        "date": datetime.date.today().isoformat(), "device": properties.name, "driver": driver,
        "multiprocessors": properties.multi_processor_count, "l2_bytes": properties.L2_cache_size,
        "torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(),
        "triton": triton.__version__ if triton else None,
    }


def save():
    path = os.path.join(OUT, "gpu.json")
    with open(path + ".part", "w") as file:
        json.dump(report, file, indent=1)
    os.replace(path + ".part", path)


def table():
    head = report["machine"]
    print(f"\n{head['device']}, driver {head['driver']}, torch {head['torch']}, {head['date']}")
    ceilings = report["ceilings"]
    copy, gemm = ceilings["copy_bytes_per_s"], ceilings["bf16_flop_per_s"]
    print(f"copy {copy / 1e12:.2f} TB/s, bf16 product of 8192 {gemm / 1e12:.0f} TFLOP/s\n")

    def cells(times, scale, unit):
        return "  ".join(f"{name} {scale / t / 1e12:.2f}" if t else f"{name} -" for name, t in times.items()) + f"  {unit}"

    for entry in report.get("layernorm", []):
        print(f"layernorm {entry['rows']} x {entry['width']}: {cells(entry['seconds'], entry['bytes'], 'TB/s')}")
    for entry in report.get("gemm", []):
        print(f"gemm {entry['name']}: {cells(entry['seconds'], entry['flop'], 'TFLOP/s')}")
    for entry in report.get("attention", []):
        print(f"attention {entry['model']} {entry['batch']} x {entry['tokens']}: {cells(entry['seconds'], entry['flop'], 'TFLOP/s')}")
    for entry in report.get("encoder", []):
        rates = {name: entry["batch"] / t if t else None for name, t in entry["seconds"].items()}
        shown = "  ".join(f"{name} {rate:.0f}" if rate else f"{name} -" for name, rate in rates.items())
        print(f"encoder {entry['model']} {entry['batch']} x {entry['tokens']}: {shown}  images/s")
    for line in report["skipped"]:
        print(f"SKIPPED {line}")


machine()
for part in (ceilings, layernorm, attention, gemms, encoders):
    try:
        part()
    except AssertionError:
        save()
        raise
    except Exception as error:
        report["skipped"].append(f"{part.__name__}: {type(error).__name__}: {str(error).splitlines()[0][:200]}")
        torch.cuda.empty_cache()
    save()
table()
