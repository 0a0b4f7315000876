package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ExceptionTest {

  @Test
  void exception_serialised_losesItsReportOnly() throws Exception {
    HostReport report = HostReport.of(List.of(), List.of());
    HostUnsupportedException thrown = new HostUnsupportedException("not Linux", report);
    assertThat(thrown.report()).isSameAs(report);

    assertThat(copy(thrown))
        .isInstanceOf(HostUnsupportedException.class)
        .hasFieldOrPropertyWithValue("message", "not Linux")
        .hasFieldOrPropertyWithValue("report", null);
  }

  @ParameterizedTest
  @EnumSource
  void attachRefused_serialised_keepsItsReason(AttachRefusedException.Reason reason)
      throws Exception {
    AttachRefusedException thrown = new AttachRefusedException(reason, "pid 1 is init");
    assertThat(thrown.reason()).isEqualTo(reason);
    assertThat(copy(thrown))
        .isInstanceOf(AttachRefusedException.class)
        .hasFieldOrPropertyWithValue("message", "pid 1 is init")
        .hasFieldOrPropertyWithValue("reason", reason);
  }

  private static Object copy(Object original) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(original);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      return in.readObject();
    }
  }
}
