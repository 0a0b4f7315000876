package io.ffrtmp.governance.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.linux.cgroup.Search.Found;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A home in which groups come and go while it is searched. */
@Tag("kernel")
class SearchKernelTest {
  private static final int EIO = 5;

  private final CgroupHost host = new CgroupHost();
  private final List<String> looked = new ArrayList<>();

  @AfterEach
  void leaveNothing() throws Exception {
    host.close();
  }

  private interface Fault {
    void happen(JobGroup group) throws ErrnoException;
  }

  /** What is found if this happens to the first group before its mark is read. */
  private List<Found> found(Fault fault) throws Exception {
    for (String id : List.of("a", "b", "c", "d")) {
      host.create(id);
    }
    CgroupFiles files =
        new CgroupFiles() {
          @Override
          public Optional<byte[]> mark(String path) throws ErrnoException {
            if (path.startsWith(host.homes().get(0) + "/") && looked.isEmpty()) {
              looked.add(path);
              fault.happen(host.base.home().group(path.substring(path.lastIndexOf('/') + 1)));
            }
            return CgroupFiles.super.mark(path);
          }
        };
    return Search.all(files, host.hierarchies, host.base(files));
  }

  @Test
  void groupThatGoesAwayMeanwhile_hidesNoOther() throws Exception {
    List<Found> found = found(group -> assertThat(group.remove()).isTrue());
    assertThat(found).hasSize(3).allMatch(each -> each.refusal().isEmpty());
    assertThat(found).noneMatch(each -> looked.contains(each.directory()));
  }

  @Test
  void groupWhoseMarkCannotBeRead_isToldWithTheErrno_andHidesNoOther() throws Exception {
    List<Found> found =
        found(
            group -> {
              throw new ErrnoException(EIO, "getxattr of " + group);
            });
    assertThat(found).hasSize(4);
    assertThat(found)
        .filteredOn(each -> !each.refusal().isEmpty())
        .singleElement()
        .satisfies(each -> assertThat(looked).containsExactly(each.directory()))
        .satisfies(each -> assertThat(each.refusal()).contains("EIO"));
  }
}
