use insta::assert_snapshot;

use crate::app::TestApp;
use crate::ask::Ask;

#[tokio::test]
async fn health() {
    let app = TestApp::start().await;
    assert_snapshot!(app.snap_of(Ask::get("/health")).await, @r#"
    /health 200
    {
      "last_service_evaluation_at": "[time]",
      "msg": "I’m one with the bolt. The bolt is with me.",
      "ok": true,
      "service_health_statuses": [
        {"description": "The database answers.", "service": "store", "status": "healthy"}
      ]
    }
    "#);
    assert_snapshot!(app.snap_of(Ask::get("/health/get_health")).await, @r#"
    /health/get_health 200
    {
      "last_service_evaluation_at": "[time]",
      "msg": "I’m one with the bolt. The bolt is with me.",
      "ok": true,
      "service_health_statuses": [
        {"description": "The database answers.", "service": "store", "status": "healthy"}
      ]
    }
    "#);
    app.store.close().await;
    assert_snapshot!(app.snap_of(Ask::get("/health")).await, @r#"
    /health 503 service_unavailable
    {
      "error": {"message": "The database does not answer", "type": "service_unavailable"},
      "last_service_evaluation_at": "[time]",
      "msg": "I’m one with the bolt. The bolt is with me.",
      "ok": false,
      "service_health_statuses": [
        {"description": "The database does not answer.", "service": "store", "status": "down"}
      ]
    }
    "#);
    assert_snapshot!(app.snap_of(Ask::get("/health/get_health")).await, @r#"
    /health/get_health 503 service_unavailable
    {
      "error": {"message": "The database does not answer", "type": "service_unavailable"},
      "last_service_evaluation_at": "[time]",
      "msg": "I’m one with the bolt. The bolt is with me.",
      "ok": false,
      "service_health_statuses": [
        {"description": "The database does not answer.", "service": "store", "status": "down"}
      ]
    }
    "#);
}
