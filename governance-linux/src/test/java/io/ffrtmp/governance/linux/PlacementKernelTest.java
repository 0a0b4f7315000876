package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Stdio;
import io.ffrtmp.governance.Workload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Where a workload lives, from its very first instruction. */
@Tag("kernel")
class PlacementKernelTest extends RunContract {

  @Test
  void firstInstruction_manyTimes_isInsideInEveryTreeAndLimited() throws Exception {
    Path out = dir.resolve("seen");
    Limits limits = memory(64).cpuMax(new CpuMax(50_000, 100_000));
    for (int i = 0; i < 20; i++) {
      String id = "first-" + i;
      Path memory = tree.file("memory", id, "memory.max", "memory.limit_in_bytes");
      Path cpu = tree.file("cpu", id, "cpu.max", "cpu.cfs_quota_us");
      Workload look = Workload.of("cat", "/proc/self/cgroup", memory.toString(), cpu.toString());
      JobResult result = governor.run(look.limits(limits).jobId(id).stdout(Stdio.truncate(out)));
      assertThat(result.exitStatus()).contains(new Exited(0));

      String seen = Files.readString(out);
      assertInside(seen, id);
      assertThat(seen.lines()).contains(Long.toString(64 << 20));
      assertThat(seen.lines().anyMatch(line -> line.matches("50000( 100000)?"))).isTrue();
    }
  }

  /**
   * In every tree that holds jobs the workload is in its group; in the others it is where we are.
   */
  private void assertInside(String membership, String id) throws IOException {
    List<String> expected = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of("/proc/self/cgroup"))) {
      String[] parts = line.split(":", 3);
      boolean ours =
          parts[1].isEmpty()
              ? tree.unified("memory") || tree.unified("cpu") || tree.unified("io")
              : Stream.of(parts[1].split(",")).anyMatch(this::holdsJobs);
      expected.add(ours ? parts[0] + ":" + parts[1] + ":" + base(name + "/" + id) : line);
    }
    assertThat(membership.lines()).containsAll(expected);
  }

  private boolean holdsJobs(String controller) {
    return tree.has(controller.equals("blkio") ? "io" : controller);
  }

  @Test
  void children_ofTheWorkload_areInside() throws Exception {
    Path out = dir.resolve("seen");
    Workload look = sh("cat /proc/self/cgroup & wait").stdout(Stdio.truncate(out));
    governor.run(look.jobId("children"));
    assertInside(Files.readString(out), "children");
  }

  @Test
  void directories_madeForAJob_areOursAlone() throws Exception {
    startReady(held("ready").jobId("private"), "ready");
    assertThat(tree.existing("private")).hasSameSizeAs(tree.mounts());
    for (Path group : tree.existing("private")) {
      for (Path each : List.of(group, group.getParent())) {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(each)))
            .as(each.toString())
            .isEqualTo("rwx------");
      }
    }
  }

  @Test
  void base_notConfigured_isFoundAndEveryJobHasAGroup() throws Exception {
    Path out = dir.resolve("seen");
    try (Governor found = LinuxGovernor.builder().directoryName(name).listener(leaders()).open()) {
      JobResult result =
          found.run(
              Workload.of("cat", "/proc/self/cgroup")
                  .stdout(Stdio.truncate(out))
                  .limits(memory(64))
                  .jobId("default"));
      assertThat(result.receipt().allInForce()).isTrue();
    }
    assertThat(Files.readAllLines(out).stream().filter(line -> line.endsWith(name + "/default")))
        .hasSameSizeAs(tree.mounts());
  }

  @Test
  void lastJob_endedAndGovernorClosed_leavesNoDirectory() throws Exception {
    governor.run(sh("exit 0"));
    governor.close();
    assertThat(tree.everything()).isEmpty();
  }
}
