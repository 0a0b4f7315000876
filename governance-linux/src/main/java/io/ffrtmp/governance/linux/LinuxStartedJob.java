package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.GovernanceException;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Pidfd;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** A job that we started: the only class that reaches a signalling call, on its caller's word. */
final class LinuxStartedJob extends GovernedJob implements StartedJob {
  private static final int ROUNDS = 8;

  private final List<Integer> inheritedPipes;

  LinuxStartedJob(Beginning beginning, boolean child, List<Integer> inheritedPipes) {
    super(beginning, child);
    this.inheritedPipes = inheritedPipes;
  }

  @Override
  public boolean signal(Signal signal) {
    if (!watched() || pidfd.isEmpty() || pidfd.get().ended()) {
      return false;
    }
    try {
      pidfd.get().send(signal.number());
      return true;
    } catch (ErrnoException e) {
      return refused(e);
    }
  }

  private boolean refused(ErrnoException e) {
    if (e.errno() == Errno.ESRCH) {
      return false;
    }
    throw new GovernanceException("job " + id() + ": " + e.getMessage(), e);
  }

  @Override
  public List<Long> kill() {
    grouped.lock();
    try {
      if (!watched()) {
        return List.of();
      }
      boolean ours = !hasAnothersGroup();
      List<Long> alive = !ours || group.killAll() ? List.of() : killMembers();
      signal(Signal.KILL); // the leader may live elsewhere: not placed, or moved by somebody else
      return alive;
    } catch (ErrnoException e) {
      throw new GovernanceException("job " + id() + ": " + e.getMessage(), e);
    } finally {
      grouped.unlock();
    }
  }

  /** A process killed in one round can fork no more; its children are found in the next. */
  private List<Long> killMembers() {
    Set<Integer> seen = new HashSet<>();
    List<Long> alive = new ArrayList<>();
    for (int round = 1; round <= ROUNDS; round++) {
      List<Integer> fresh = new ArrayList<>(group.members());
      fresh.removeIf(pid -> !seen.add(pid));
      if (fresh.isEmpty()) {
        return alive;
      }
      for (int pid : fresh) {
        if (!killMember(pid) || round == ROUNDS) {
          alive.add((long) pid);
        }
      }
    }
    return alive;
  }

  /** The pidfd first, then the proof that the process it stands for is in the group. */
  private boolean killMember(int pid) {
    try (Pidfd member = Pidfd.open(pid)) {
      if (group.members().contains(pid)) {
        member.send(Signal.KILL.number());
      }
      return true;
    } catch (ErrnoException e) {
      return e.errno() == Errno.ESRCH;
    }
  }

  @Override
  public List<Integer> inheritedPipes() {
    return inheritedPipes;
  }
}
