"""How long a run of 2 ranks takes from SIGKILL of a rank to the next step done: hoop launch beside torchrun --max-restarts, in turn.

recovery.py HOOP MPIRUN ROUNDS     in a folder of its own; prints a table, exits 1 where hoop's median is above 2.5 s or torchrun's
recovery.py worker                 a rank of torchrun

The same net (784, 512, 256, 10; ReLU; AdamW), the same data, batches of 256, a checkpoint every 20 steps.
"""
import glob
import os
import signal
import statistics
import subprocess
import sys
import time

CONFIG = """seed: 1
model: {kind: mlp, hidden: [512, 256]}
data: {train: digits/train}
batch: 256
steps: 1000000
loss: cross_entropy
optimizer: {name: adamw, lr: 1e-3}
threads: 1
checkpoint: {every_steps: 20, keep: 2}
"""
FIRST, MOST_S = 60, 2.5  # steps before a rank is killed; what is wanted


def worker():
    import h5py
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    # Restarted workers of PyTorch 2.13 wait for ever for addresses of those before them, which are still in the agent's store under
    # the same names; with names of each start's own they go on.
    rank, ranks, start = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "TORCHELASTIC_RESTART_COUNT"))
    store = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
    dist.init_process_group("gloo", store=dist.PrefixStore(f"start-{start}", store), rank=rank, world_size=ranks)
    with h5py.File(glob.glob("digits/train-*.h5")[0]) as f:
        x, y = torch.from_numpy(f["x"][:]), torch.from_numpy(f["y"][:])
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 256),
                              torch.nn.ReLU(), torch.nn.Linear(256, 10))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3)
    step = 0
    if os.path.exists("torch.pt"):
        state = torch.load("torch.pt", weights_only=True)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    model = torch.nn.parallel.DistributedDataParallel(net)
    while True:
        at = torch.randint(len(x), (256,), generator=torch.Generator().manual_seed(step))[rank::ranks]
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x[at].float() / 255), y[at]).backward()
        optimizer.step()
        step += 1
        with open(f"torch-{rank}.steps", "a") as f:
            f.write(f"{os.getpid()} {step}\n")
        if step % 20 == 0 and rank == 0:
            torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, "torch.pt.tmp")
            os.replace("torch.pt.tmp", "torch.pt")


def last(path, least=1):
    """The last `least` whole lines of a file, or None."""
    try:
        with open(path, "rb") as f:
            f.seek(max(0, os.fstat(f.fileno()).st_size - 4096))
            lines = f.read().decode(errors="replace").split("\n")[:-1]
        return lines[-1] if len(lines) >= least else None
    except OSError:
        return None


def children(pid):
    out = []
    for d in filter(str.isdigit, os.listdir("/proc")):
        try:
            if int(open(f"/proc/{d}/stat").read().rsplit(")", 1)[1].split()[1]) == pid:
                out.append(int(d))
        except OSError:
            pass
    return sorted(out)


def wait(condition, what, seconds=180):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"recovery.py: waited {seconds} s for {what}")
        time.sleep(0.005)


def hoop_step():
    """The step of the last line of metrics, -1 where a run begins there."""
    line = last("runs/a/metrics.jsonl")
    if line is None or '"start"' in line:
        return -1
    return int(line[len('{"step":'):].split(",")[0])


def begun():
    """How often a run has begun, by its metrics: a resumed one first keeps the lines before its checkpoint, then says so."""
    with open("runs/a/metrics.jsonl") as f:
        return sum('"start"' in line for line in f)


def hoop_round(job):
    wait(lambda: hoop_step() > 0, "a step of hoop")
    first = hoop_step()
    wait(lambda: hoop_step() > first + FIRST, "steps of hoop")
    mpirun = children(job.pid)[0]
    before = begun()
    began = time.monotonic()
    os.kill(children(mpirun)[1], signal.SIGKILL)
    wait(lambda: begun() > before and hoop_step() > 0, "hoop to go on")
    return time.monotonic() - began


def torch_step():
    line = last("torch-0.steps")
    return (0, 0) if line is None else tuple(map(int, line.split()))


def torch_round(job):
    pid, first = torch_step()
    wait(lambda: torch_step()[1] > first + FIRST, "steps of torchrun")
    victim, keeper = (int(last(f"torch-{r}.steps").split()[0]) for r in (1, 0))
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    wait(lambda: torch_step()[0] not in (0, keeper), "torchrun to go on")
    return time.monotonic() - began


def main(hoop, mpirun, rounds):
    subprocess.run([hoop, "data", "synth", "digits", "--samples", "4000", "--out", "digits"], check=True, stdout=subprocess.DEVNULL)
    open("a.yaml", "w").write(CONFIG)
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": open("log.txt", "w"), "stdin": subprocess.DEVNULL}
    jobs = {
        "hoop launch": ([hoop, "launch", "--mpirun", mpirun, "-n", "2", "--", "train", "a.yaml", "--out", "runs/a"], hoop_round),
        "torchrun": ([sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--max-restarts=1000",
                      os.path.abspath(__file__), "worker"], torch_round),
    }
    times = {name: [] for name in jobs}
    for r in range(rounds):
        for name, (command, one) in jobs.items():  # one at a time has the machine: the other is stopped by its end
            job = subprocess.Popen(command, env=environment, **quiet)
            try:
                times[name].append(one(job))
            finally:
                job.terminate()
                job.wait(timeout=60)
            if name == "torchrun":
                for path in glob.glob("torch*"):
                    os.remove(path)
    print(f"from SIGKILL of a rank of 2 to the next step done, {rounds} times, in s")
    print("               median  least   most")
    for name, t in times.items():
        print(f"{name:13s} {statistics.median(t):7.2f}{min(t):7.2f}{max(t):7.2f}")
    ours, theirs = (statistics.median(times[name]) for name in jobs)
    return 0 if ours <= min(MOST_S, theirs) else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["worker"]:
        worker()
    else:
        sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
