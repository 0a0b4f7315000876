package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.linux.cgroup.JobGroup;
import io.ffrtmp.governance.linux.libc.Epoll;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Pidfd;
import io.ffrtmp.governance.linux.observe.Watcher;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicInteger;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Groups that outlive their job because processes are left in them. Each is removed when it
 * empties, which the kernel tells: by {@code cgroup.events} on v2, by the members' pidfds on v1. A
 * group that can't be watched is left to the next {@code open()}.
 */
final class Linger {
  private static final Logger LOG = LoggerFactory.getLogger(Linger.class);

  private final Watcher watcher;

  Linger(Watcher watcher) {
    this.watcher = watcher;
  }

  void removeWhenEmpty(JobGroup group) {
    try {
      OptionalInt events = group.openEvents();
      if (events.isPresent()) {
        watchEvents(group, events.getAsInt());
      } else {
        watchMembers(group);
      }
    } catch (ErrnoException e) {
      LOG.debug("{} is left as it is: {}", group, e.getMessage());
    }
  }

  /** Reading arms the notice: EPOLLPRI tells of a change since the last read (fs/kernfs/file.c). */
  private void watchEvents(JobGroup group, int events) throws ErrnoException {
    try {
      String now = new String(Libc.readAll(events), StandardCharsets.US_ASCII);
      if (!now.contains("populated 0")) {
        watcher.watch(events, Epoll.EPOLLPRI, () -> again(group, events));
        return;
      }
    } catch (ErrnoException e) {
      Libc.close(events);
      throw e;
    }
    Libc.close(events);
    group.remove();
  }

  private void again(JobGroup group, int events) {
    Libc.close(events);
    if (!group.remove()) {
      removeWhenEmpty(group);
    }
  }

  private void watchMembers(JobGroup group) throws ErrnoException {
    List<Pidfd> members = new ArrayList<>();
    for (int pid : group.members()) {
      try {
        members.add(Pidfd.open(pid));
      } catch (ErrnoException gone) {
        LOG.debug("{}", gone.getMessage());
      }
    }
    AtomicInteger left = new AtomicInteger(members.size());
    for (Pidfd member : members) {
      Runnable ended =
          () -> {
            member.close();
            if (left.decrementAndGet() == 0 && !group.remove() && !group.members().isEmpty()) {
              removeWhenEmpty(group);
            }
          };
      watcher.watch(member.fd(), Epoll.EPOLLIN, ended);
    }
  }
}
