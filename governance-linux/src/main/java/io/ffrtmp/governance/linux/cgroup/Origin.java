package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.Optional;

/** Where an attached process came from, in one hierarchy. */
record Origin(CgroupFiles files, Hierarchy hierarchy, String directory) {

  /**
   * Puts a process back; where the old place is gone, into the nearest one above it that is left
   * and takes processes: on v2 those do not that hand down controllers (EBUSY).
   *
   * @return that place, if it is another one
   */
  Optional<String> putBack(int pid) throws ErrnoException {
    for (String place = directory; ; place = Group.parent(place)) {
      try {
        files.write(place + "/cgroup.procs", Integer.toString(pid));
        return place.equals(directory) ? Optional.empty() : Optional.of(place);
      } catch (ErrnoException e) {
        boolean gone = e.errno() == Errno.ENOENT || e.errno() == Errno.ENODEV;
        boolean inner = e.errno() == Errno.EBUSY && !place.equals(directory);
        if (!(gone || inner) || place.equals(hierarchy.mountPoint())) {
          throw e;
        }
      }
    }
  }
}
