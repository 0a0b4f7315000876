package io.ffrtmp.governance.examples.bench;

import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.linux.cgroup.Base;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import io.ffrtmp.governance.linux.cgroup.Hierarchies;
import io.ffrtmp.governance.linux.cgroup.JobGroup;
import io.ffrtmp.governance.linux.cgroup.Mark;
import java.util.Optional;

/**
 * Makes and removes the library's groups without a job in them, beneath the library's public face.
 */
final class GroupMaker implements AutoCloseable {
  private static final String ID = "job";

  private final Base base =
      Base.find(
          CgroupFiles.kernel(),
          Hierarchies.read(CgroupFiles.kernel()),
          Optional.empty(),
          "ffrtmp-bench-groups-" + ProcessHandle.current().pid());

  void makeAndRemove() throws Exception {
    JobGroup group = base.home().create(ID, Mark.of(ID, Mode.RUN, Optional.empty(), GroupRows.TWO));
    Receipt receipt = Receipt.of(group.limits().apply(GroupRows.TWO));
    if (!receipt.allInForce() || !group.remove()) {
      throw new IllegalStateException(receipt + ", " + group);
    }
  }

  @Override
  public void close() {
    base.close();
  }
}
