package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.StartedJob;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What jobs cost this JVM while they run, and that nothing of them is left. */
@Tag("kernel")
class CostKernelTest extends RunContract {
  private static final int MANY = 300;

  @Test
  void manyConcurrentJobs_costOneDescriptorEachAndNoThread() throws Exception {
    governor.run(sh("exit 0")); // loads what is loaded once
    Set<Thread> before = threads("governance-");
    int descriptors = HeldDescriptors.count();
    List<StartedJob> jobs = new ArrayList<>();
    for (int i = 0; i < MANY; i++) {
      jobs.add(governor.start(sh("exec sleep 600")));
    }
    assertThat(HeldDescriptors.count() - descriptors).isEqualTo(MANY);
    assertThat(threads("governance-watcher")).hasSize(1);
    assertThat(since(before)).allMatch(each -> each.getName().startsWith("governance-result-"));
    assertThat(governor.jobs()).hasSize(MANY);
    assertThat(JobTree.children()).hasSize(MANY);

    jobs.forEach(StartedJob::kill);
    for (StartedJob job : jobs) {
      job.await();
    }
    assertThat(since(before)).hasSizeLessThanOrEqualTo(4);
    assertThat(HeldDescriptors.count()).isEqualTo(descriptors);
    assertThat(JobTree.children()).isEmpty();
    assertThat(governor.jobs()).isEmpty();
    governor.close();
    assertThat(tree.everything()).isEmpty();
    awaitWatchers(0);
  }

  private static Set<Thread> since(Set<Thread> before) {
    Set<Thread> threads = threads("governance-");
    threads.removeAll(before);
    return threads;
  }

  @Test
  void fiveHundredRuns_leaveNoZombieNoDirectoryNoDescriptor() throws Exception {
    governor.run(sh("exit 0"));
    int descriptors = HeldDescriptors.count();
    for (int i = 0; i < 500; i++) {
      governor.run(sh("exit 0").limits(memory(64)));
    }
    assertThat(HeldDescriptors.count()).isEqualTo(descriptors);
    assertThat(JobTree.children()).isEmpty();
    for (Path mount : tree.mounts()) {
      try (var jobs = Files.newDirectoryStream(mount.resolve(name), Files::isDirectory)) {
        assertThat(jobs).isEmpty();
      }
    }
    governor.close();
    assertThat(tree.everything()).isEmpty();
    assertThat(HeldDescriptors.count()).isLessThanOrEqualTo(descriptors);
  }

  @Test
  void openAndClose_manyTimes_leaveNoThreadAndNoDescriptor() throws Exception {
    open(LinuxGovernor.builder()).close();
    governor.close();
    awaitWatchers(0);
    int descriptors = HeldDescriptors.count();
    for (int i = 0; i < 50; i++) {
      open(LinuxGovernor.builder()).close();
    }
    awaitWatchers(0);
    soon().untilAsserted(() -> assertThat(HeldDescriptors.count()).isEqualTo(descriptors));
  }
}
